/** Port before workload before namespace before mesh; of several of a kind the oldest, and the others hear of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotOf } from "../../test/support/mesh-fixture.ts";
import { Findings } from "./findings.ts";
import { resolvePeerAuthentication } from "./peer-authentication.ts";

interface Policy {
  readonly name: string;
  readonly namespace?: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly mode?: string;
  readonly ports?: Readonly<Record<string, string>>;
  readonly createdAt?: string;
}

function resolve(...policies: readonly Policy[]) {
  const documents = policies.map(
    ({ name, namespace = "shop", createdAt, selector, mode, ports }) => ({
      apiVersion: "mesh.tulle.dev/v1",
      kind: "PeerAuthentication",
      metadata: {
        name,
        namespace,
        annotations: { "test.tulle.dev/created": createdAt ?? "2026-01-01T00:00:00.000Z" },
      },
      spec: {
        ...(selector === undefined ? {} : { selector: { matchLabels: selector } }),
        ...(mode === undefined ? {} : { mtls: { mode } }),
        ...(ports === undefined
          ? {}
          : {
              portLevelMtls: Object.fromEntries(
                Object.entries(ports).map(([port, said]) => [port, { mode: said }]),
              ),
            }),
      },
    }),
  );
  const workload = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "Workload",
    metadata: { name: "catalog-1", namespace: "shop", labels: CATALOG },
    spec: { address: "127.0.0.1", ports: [{ port: 8080 }] },
  };
  const text = [...documents, workload].map((one) => JSON.stringify(one)).join("\n---\n");
  const findings = new Findings();
  const index = resolvePeerAuthentication(snapshotOf(text, "mesh.yaml"), findings);
  const of = (labels: Readonly<Record<string, string>>, port = 8080, namespace = "shop") => {
    const { mode, origin } = index.modeOf({ namespace, labels }, port);
    return `${mode} ${origin}`;
  };
  return { of, findings: findings.list() };
}

const CATALOG = { app: "catalog", tier: "back" };
const MESH: Policy = { name: "mesh", namespace: "tulle-system", mode: "PERMISSIVE" };

test("without a policy mutual TLS is required", () => {
  assert.equal(resolve().of(CATALOG), "STRICT the mesh's default");
});

test("the more special one holds, UNSET says nothing", () => {
  const { of } = resolve(
    MESH,
    { name: "all", mode: "Disable" },
    { name: "catalog", selector: { app: "catalog" }, mode: "UNSET", ports: { "9100": "STRICT" } },
    { name: "cart", selector: { app: "cart" }, mode: "STRICT", ports: { "9100": "Unset" } },
  );
  assert.equal(of(CATALOG), "DISABLE PeerAuthentication shop/all");
  assert.equal(of(CATALOG, 9100), "STRICT PeerAuthentication shop/catalog");
  assert.equal(of({ app: "cart" }), "STRICT PeerAuthentication shop/cart");
  assert.equal(of({ app: "cart" }, 9100), "STRICT PeerAuthentication shop/cart");
  assert.equal(
    of({ app: "cart" }, 9100, "bank"),
    "PERMISSIVE PeerAuthentication tulle-system/mesh",
  );
});

test("a selector in the root namespace chooses workloads of that namespace only", () => {
  const { of } = resolve({ ...MESH, selector: { app: "catalog" } });
  assert.equal(of(CATALOG), "STRICT the mesh's default");
  assert.match(of(CATALOG, 8080, "tulle-system"), /^PERMISSIVE/);
});

test("of several for a workload or a namespace the oldest holds, and the others hear of it", () => {
  const { of, findings } = resolve(
    { name: "new", mode: "DISABLE", createdAt: "2026-02-01T00:00:00.000Z" },
    { name: "old", mode: "PERMISSIVE" },
    {
      name: "late",
      selector: { app: "catalog" },
      mode: "DISABLE",
      createdAt: "2026-03-01T00:00:00.000Z",
    },
    { name: "early", selector: { tier: "back" }, mode: "STRICT" },
    { name: "other", selector: { app: "cart" }, mode: "DISABLE" },
  );
  assert.equal(of(CATALOG), "STRICT PeerAuthentication shop/early");
  assert.equal(of({}), "PERMISSIVE PeerAuthentication shop/old");
  assert.deepEqual(
    findings.map(({ object, code, message }) => [object.name, code, message]),
    [
      [
        "late",
        "policy-conflict",
        "instance shop/catalog-1 has an older PeerAuthentication, shop/early",
      ],
      ["new", "policy-conflict", "namespace shop has an older PeerAuthentication, shop/old"],
    ],
  );
});
