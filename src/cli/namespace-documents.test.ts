import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { CliError } from "./errors.ts";
import { withNamespace } from "./namespace-documents.ts";

const SHOP = { namespace: "shop", isStrict: true };

const TEXT = `# the catalog
kind: Service
metadata:
  name: catalog # its name
spec: {}
---
kind: HTTPRoute
metadata: {name: catalog}
---
kind: MeshConfig
metadata: {name: default}
---
kind: List
items:
  - kind: Service
    metadata:
      labels: {a: b}
      name: cart
  - {"kind": "Service", "metadata": {"name": "x"}}
`;

test("documents without a namespace get it, and nothing else of the text changes", () => {
  const file = withNamespace({ name: "a.yaml", text: TEXT }, SHOP);
  const [service, route, config, list] = parseAllDocuments(file.text).map(
    (document) => document.toJS() as Record<string, { readonly namespace?: string }>,
  );
  assert.equal(service?.["metadata"]?.namespace, "shop");
  assert.equal(route?.["metadata"]?.namespace, "shop");
  assert.equal(config?.["metadata"]?.namespace, undefined);
  const items = list?.["items"] as unknown as readonly { metadata: { namespace?: string } }[];
  assert.deepEqual(
    items.map((item) => item.metadata.namespace),
    ["shop", "shop"],
  );
  const kept = file.text.split("\n").filter((line) => !/^\s*namespace: shop$/.test(line));
  assert.equal(kept.join("\n").replaceAll('"namespace": "shop", ', ""), TEXT);
});

test("line numbers lead back to the user's text", () => {
  const file = withNamespace({ name: "a.yaml", text: TEXT }, SHOP);
  const original = TEXT.split("\n");
  const changed = file.text.split("\n");
  for (const [index, line] of changed.entries()) {
    if (line.includes("namespace")) continue;
    assert.equal(original[file.lineOf(index + 1) - 1], line);
  }
});

test("another namespace is refused with -n, and kept with a default from the environment", () => {
  const text = "kind: Service\nmetadata:\n  name: cart\n  namespace: bank\n";
  assert.throws(
    () => withNamespace({ name: "a.yaml", text }, SHOP),
    (error) =>
      error instanceof CliError &&
      /Service cart is in namespace bank, not in shop/.test(error.message),
  );
  assert.equal(withNamespace({ name: "a.yaml", text }, { ...SHOP, isStrict: false }).text, text);
});

test("what cannot be read is left for the control plane to refuse", () => {
  for (const text of [
    "",
    "a: [",
    "- x",
    "kind: Service",
    "kind: Service\nmetadata: 5",
    "kind: Service\nmetadata: {}",
  ]) {
    assert.equal(withNamespace({ name: "a", text }, SHOP).text, text, text);
  }
});
