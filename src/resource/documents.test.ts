/** Texts become objects, or violations that say where, what and what else; never an exception. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import { parseDocuments, TEXT_LENGTH_MAX } from "./documents.ts";
import { registry } from "./registry.ts";
import { formatViolations, type Violation } from "./violation.ts";

const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: catalog}
spec:
  selector: {app: catalog}
  ports: [{port: 80}]
`;

function parse(text: string) {
  return parseDocuments(text, "shop.yaml", registry);
}

/** The only violation of a text. */
function only(text: string): Violation {
  const { violations } = parse(text);
  assert.equal(violations.length, 1, formatViolations(violations));
  const [violation] = violations;
  assert.ok(violation);
  return violation;
}

describe("what is read", () => {
  test("several documents, with where each stands", () => {
    const orders = SERVICE.replace("name: catalog", "name: orders");
    const { documents, violations } = parse(`# a shop\n---\n${SERVICE}---\n---\n${orders}`);
    assert.deepEqual(violations, []);
    assert.deepEqual(
      documents.map(({ object, file, documentIndex, line }) => [
        object.metadata.name,
        file,
        documentIndex,
        line,
      ]),
      [
        ["catalog", "shop.yaml", 0, 3],
        ["orders", "shop.yaml", 2, 11],
      ],
    );
  });

  test("JSON", () => {
    const json = JSON.stringify({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "catalog" },
      spec: { ports: [{ port: 80 }] },
    });
    assert.equal(parse(json).objects.length, 1);
    assert.equal(parse(JSON.stringify(JSON.parse(json), null, "\t")).objects.length, 1);
  });

  test("the items of a List, each by itself", () => {
    const list = {
      apiVersion: "v1",
      kind: "List",
      metadata: { resourceVersion: "" },
      items: [
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "a" },
          spec: { ports: [{ port: 80 }] },
        },
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "b" },
          spec: { ports: [{ port: 0 }] },
        },
      ],
    };
    const text = JSON.stringify(list, null, 2);
    const { objects, violations } = parse(text);
    assert.deepEqual(
      objects.map(({ metadata }) => metadata.name),
      ["a"],
    );
    assert.equal(violations[0]?.path, "items[1].spec.ports[0].port");
    assert.equal(text.split("\n")[(violations[0]?.line ?? 0) - 1]?.trim(), '"port": 0');
    assert.equal(violations[0]?.object, "Service b");
  });

  test("anchors and aliases", () => {
    const text = `apiVersion: v1
kind: Service
metadata: {name: catalog, labels: &labels {app: catalog}}
spec: {selector: *labels, ports: [{port: 80}]}`;
    const [service] = parse(text).objects;
    assert.ok(service?.kind === "Service");
    assert.deepEqual(service.spec.selector, { app: "catalog" });
  });

  test("what servers write is taken and dropped", () => {
    const text = `apiVersion: v1
kind: Service
metadata:
  name: catalog
  uid: 6f2b
  generation: 3
  resourceVersion: "17"
  creationTimestamp: null
  managedFields: [{manager: kubectl, fieldsV1: {"f:spec": {}}}]
spec: {ports: [{port: 80}], clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], sessionAffinity: None}
status: {loadBalancer: {}}`;
    const [service] = parse(text).objects;
    assert.deepEqual(service?.metadata, {
      name: "catalog",
      namespace: "default",
      labels: {},
      annotations: {},
      uid: "6f2b",
      resourceVersion: "17",
    });
    assert.equal(service?.status, undefined);
  });

  test("nothing, from nothing", () => {
    for (const text of ["", "\n", "---\n", "# only a comment\n", "---\n---\n", "null\n"]) {
      assert.deepEqual(parse(text), { objects: [], documents: [], violations: [] }, text);
    }
  });
});

describe("where a violation stands", () => {
  test("a wrong value: at the value", () => {
    const violation = only(SERVICE.replace("80", "99999"));
    assert.equal(violation.path, "spec.ports[0].port");
    assert.deepEqual([violation.line, violation.column], [6, 18]);
    assert.equal(violation.documentIndex, 0);
    assert.equal(violation.object, "Service catalog");
    assert.equal(violation.found, "99999");
    assert.equal(violation.allowed, "at most 65535");
  });

  test("an unknown field: at its key", () => {
    const violation = only(SERVICE.replace("selector", "slector"));
    assert.equal(violation.path, "spec.slector");
    assert.deepEqual([violation.line, violation.column], [5, 3]);
    assert.equal(violation.code, "unknown-field");
    assert.equal(violation.suggestion, "selector");
    assert.match(violation.message, /did you mean selector\?/);
  });

  test("a missing field: at what lacks it", () => {
    const violation = only(SERVICE.replace("port: 80", "name: http"));
    assert.equal(violation.path, "spec.ports[0].port");
    assert.deepEqual([violation.line, violation.column], [6, 11]);
    assert.equal(violation.code, "missing-field");
  });

  test("in a later document: counted in the whole text", () => {
    const other = SERVICE.replace("name: catalog", "name: Catalog");
    const violation = only(`${SERVICE}---\n${other}`);
    assert.deepEqual([violation.line, violation.documentIndex], [10, 1]);
  });

  test("a value reached through an alias: where it is written", () => {
    const text = `apiVersion: v1
kind: Service
metadata: {name: catalog, annotations: &a {x: "y", "": z}}
spec: {selector: *a, ports: [{port: 80}]}`;
    const lines = parse(text).violations.map(({ line, path }) => [line, path]);
    assert.deepEqual(lines, [
      [3, 'metadata.annotations[""]'],
      [3, 'spec.selector[""]'],
    ]);
  });

  test("keys with dots are quoted in paths", () => {
    const text = SERVICE.replace("{app: catalog}", "{app.kubernetes.io/name: -x-}");
    assert.equal(only(text).path, 'spec.selector["app.kubernetes.io/name"]');
  });

  test("for people: one line each", () => {
    const { violations } = parse(SERVICE.replace("80", "0").replace("selector", "slector"));
    assert.equal(
      formatViolations(violations).split("\n")[1],
      "shop.yaml:5:3: Service catalog: spec.slector: there is no field slector; did you mean selector?",
    );
  });
});

describe("what is refused", () => {
  test("every violation at once, cross-field rules included", () => {
    const text = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: Catalog, label: {}}
spec:
  parentRefs: [{group: "", kind: Service, name: catalog, prt: 80}]
  rules:
    - matches:
        - path: {type: Prefix, value: /}
        - path: {type: Exact, value: api}
      filters:
        - type: RequestRedirect
          requestRedirect: {statusCode: 200, path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}
        - type: URLRewrite
      backendRefs:
        - {name: catalog, weight: -1}
      timeouts: {request: 1s, backendRequest: 2s}
      retry: {attempts: "3"}
`;
    const found = new Map(parse(text).violations.map(({ path, code }) => [path, code]));
    const rule = "spec.rules[0]";
    assert.deepEqual(
      found,
      new Map([
        ["metadata.name", "invalid-value"],
        ["metadata.label", "unknown-field"],
        ["spec.parentRefs[0].prt", "unknown-field"],
        [`${rule}.matches[0].path.type`, "invalid-value"],
        [`${rule}.matches[1].path.value`, "invalid-value"],
        [`${rule}.filters[0].requestRedirect.statusCode`, "invalid-value"],
        [`${rule}.filters[1].urlRewrite`, "missing-field"],
        [`${rule}.filters[1].type`, "invalid-combination"],
        [`${rule}.backendRefs[0].weight`, "invalid-value"],
        [`${rule}.backendRefs[0].port`, "missing-field"],
        [`${rule}.timeouts.backendRequest`, "invalid-combination"],
        [`${rule}.retry.attempts`, "wrong-type"],
        [`${rule}.filters[0]`, "invalid-combination"],
        [`${rule}.filters[0].requestRedirect.path.replacePrefixMatch`, "invalid-combination"],
      ]),
    );
  });

  test("a kind that does not exist: the nearest one is named", () => {
    const violation = only(SERVICE.replace("kind: Service", "kind: Servce"));
    assert.equal(violation.code, "unknown-kind");
    assert.equal(violation.suggestion, "Service");
    assert.equal(violation.path, "kind");
    assert.equal(violation.line, 2);
  });

  test("a kind in the wrong apiVersion", () => {
    const violation = only(SERVICE.replace("apiVersion: v1", "apiVersion: core/v1"));
    assert.deepEqual([violation.code, violation.suggestion], ["unknown-kind", "v1"]);
  });

  test("a document without apiVersion and kind", () => {
    assert.deepEqual(
      parse("metadata: {name: a}\n").violations.map(({ path, code }) => [path, code]),
      [
        ["apiVersion", "missing-field"],
        ["kind", "missing-field"],
      ],
    );
    assert.equal(only("- a list\n").code, "wrong-type");
    assert.equal(only("just text\n").code, "wrong-type");
  });

  test("the same object twice in a text", () => {
    const violation = only(`${SERVICE}---\n${SERVICE}`);
    assert.equal(violation.code, "duplicate-object");
    assert.match(violation.message, /Service default\/catalog is on line 1 already/);
    assert.equal(violation.line, 10);
  });

  test("a key twice", () => {
    const violation = only(SERVICE.replace("kind: Service", "kind: Service\nkind: Service"));
    assert.deepEqual(
      [violation.code, violation.line, violation.path],
      ["duplicate-key", 3, "kind"],
    );
    assert.equal(only('{"apiVersion": "v1", "kind": "a", "kind": "b"}').code, "duplicate-key");
  });

  test("keys that are no strings", () => {
    assert.match(only(SERVICE.replace("app: catalog", "1: catalog")).message, /1 \(quote it\)/);
    assert.equal(only(SERVICE.replace("app: catalog", "[a]: catalog")).code, "syntax");
    assert.equal(only(SERVICE.replace("app: catalog", "__proto__: {x: y}")).code, "syntax");
    assert.equal(only(SERVICE.replace("app: catalog", "<<: {x: y}")).code, "syntax");
  });

  test("null, wherever it stands", () => {
    for (const [text, path] of [
      [SERVICE.replace("{app: catalog}", ""), "spec.selector"],
      [SERVICE.replace("80", "null"), "spec.ports[0].port"],
      [SERVICE.replace("{name: catalog}", "~"), "metadata"],
      [SERVICE.replace("{port: 80}", "~"), "spec.ports[0]"],
    ] as const) {
      const violation = only(text);
      assert.deepEqual([violation.path, violation.found], [path, "null"]);
      assert.equal(violation.code, "wrong-type");
    }
  });

  test("a number or boolean where its text belongs: write it in quotes", () => {
    const violation = only(SERVICE.replace("app: catalog", "version: 1.5"));
    assert.deepEqual([violation.code, violation.suggestion], ["wrong-type", '"1.5"']);
    assert.equal(only(SERVICE.replace("80", '"80"')).suggestion, "80");
    assert.equal(only(SERVICE.replace("app: catalog", "canary: true")).suggestion, '"true"');
  });

  test("aliases that multiply, and one within itself", () => {
    const lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
    for (const [name, inner] of ["ba", "cb", "dc", "ed", "fe"].map((pair) => [...pair])) {
      lines.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${inner}`).join(", ")}]`);
    }
    assert.equal(only(lines.join("\n")).code, "too-large");
    assert.equal(only(SERVICE.replace("{app: catalog}", "&s {app: *s}")).code, "syntax");
    assert.equal(only(SERVICE.replace("{app: catalog}", "*nobody")).code, "syntax");
  });

  test("many aliases take no more than their time", () => {
    const text = `a: &a x\n${Array.from({ length: 20_000 }, (_, index) => `k${index}: *a`).join("\n")}`;
    assert.equal(parse(text).violations.length, 2);
  });

  test("nesting, tags, and texts beyond all bounds", () => {
    assert.ok(parse("[".repeat(50_000)).violations.some(({ code }) => code === "too-large"));
    assert.equal(only(`${"[".repeat(80)}${"]".repeat(80)}`).code, "too-large");
    assert.equal(only(SERVICE.replace("80", "!!binary aGk=")).code, "syntax");
    assert.equal(only(SERVICE.replace("80", "!shop 80")).code, "syntax");
    assert.equal(only(" ".repeat(TEXT_LENGTH_MAX + 1)).code, "too-large");
  });

  test("more violations than anybody reads are cut off", () => {
    const fields = Array.from({ length: 3000 }, (_, index) => `x${index}: 1`).join(", ");
    assert.equal(
      parse(SERVICE.replace("{port: 80}", `{port: 80, ${fields}}`)).violations.length,
      1000,
    );
  });

  test("texts that are no YAML, with the line", () => {
    assert.deepEqual([only("a: 'x").code, only("a: 'x").line], ["syntax", 1]);
    assert.equal(only("a:\n\t- b\n").line, 2);
    const { documents, violations } = parse(`${SERVICE}---\nspec: {ports: [\n---\na: b\n`);
    assert.equal(documents.length, 1, "a good document before it is read");
    assert.deepEqual(
      violations.map(({ documentIndex }) => documentIndex),
      [1, 1, 2, 2],
    );
  });
});

describe("random texts", () => {
  const bits = fc.constantFrom(
    ..."{}[],:&*!|>'\"%@`#-?~<= \n\t",
    "a",
    "0",
    "---\n",
    "  ",
    "&a ",
    "*a",
    "null",
    "kind: Service\n",
    "apiVersion: v1\n",
    "spec:\n",
    "metadata:\n",
    "ports: ",
  );

  test("never throw, and their violations stand within them", () => {
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 60 }), (parts) => {
        const text = parts.join("");
        const lineCount = text.split("\n").length;
        for (const { line, column } of parse(text).violations) {
          assert.ok(line >= 1 && line <= lineCount + 1 && column >= 1, `${line}:${column}`);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("valid documents with a value replaced never throw either", () => {
    const documents = registry.kinds.map(({ example }) => example);
    const value = fc.oneof(
      fc.json(),
      fc.constantFrom("*a", "&a x", "!!set {}", "0x10", ".inf", "1e400"),
    );
    fc.assert(
      fc.property(fc.constantFrom(...documents), fc.nat(), value, (document, index, text) => {
        const places = [...document.matchAll(/: /g)].map((match) => match.index + 2);
        const at = places[index % places.length] ?? 0;
        parse(`${document.slice(0, at)}${text}${document.slice(at).replace(/^[^\n,}\]]*/, "")}`);
      }),
      {
        numRuns: 1000,
        // Found by chance once: an object that cannot become text, where a port's name belongs.
        examples: registry.kinds.flatMap(({ example }) =>
          [...example.matchAll(/: /g)].map((_match, index): [string, number, string] => [
            example,
            index,
            '{"toString":null}',
          ]),
        ),
      },
    );
  });
});
