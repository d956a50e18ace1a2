/** What `tulle check` says of authorization in a mesh that is written down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotOf } from "../../../test/support/mesh-fixture.ts";
import { authorizationFindings } from "./authz-findings.ts";

const MESH = ["catalog", "ledger"]
  .map(
    (name, index) => `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: ${name}-1, labels: {app: ${name}}}
spec: {address: 127.0.0.${9 + index}, ports: [{name: http, port: 8080, inboundPort: 20080}]}
---`,
  )
  .join("");

/** `name: spec` in YAML's flow form. */
function findingsOf(policies: Readonly<Record<string, string>>): readonly string[] {
  const documents = Object.entries(policies).map(
    ([name, spec]) =>
      `\napiVersion: mesh.tulle.dev/v1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}}\nspec: ${spec}\n`,
  );
  const mesh = `${MESH}${documents.join("---")}`;
  return authorizationFindings(snapshotOf(mesh, "mesh.yaml")).map(
    ({ severity, code, message }) => `${severity} ${code} ${message}`,
  );
}

const GETS = "{targetRefs: [{name: catalog}], rules: [{to: [{operation: {methods: [GET]}}]}]}";

test("services that let everybody in are named together", () => {
  assert.deepEqual(findingsOf({ gets: GETS }), [
    "info service-open-to-all a service lets every caller in: default/ledger",
  ]);
  assert.deepEqual(findingsOf({ gets: GETS, nothing: "{}" }), []);
  assert.deepEqual(findingsOf({ tried: "{dryRun: true}" }), [
    "info service-open-to-all 2 services let every caller in: default/catalog, default/ledger",
  ]);
});

test("a policy whose labels nobody has is for nobody", () => {
  const [first] = findingsOf({ lost: "{selector: {matchLabels: {app: catalgo}}}", nothing: "{}" });
  assert.equal(
    first,
    "warning policy-selects-nothing AuthorizationPolicy default/lost is for no workload: none has the labels app=catalgo",
  );
});

test("a policy beside one that lets everything in, or denies everything, changes nothing", () => {
  const shadowed = (policies: Readonly<Record<string, string>>): readonly string[] =>
    findingsOf(policies).filter((line) => line.includes("policy-shadowed"));
  const gets = "warning policy-shadowed AuthorizationPolicy default/gets changes nothing: ";
  assert.deepEqual(shadowed({ gets: GETS, open: "{rules: [{}]}" }), [
    `${gets}default/open lets everything in`,
  ]);
  assert.deepEqual(shadowed({ gets: GETS, shut: "{action: DENY, rules: [{}]}" }), [
    `${gets}default/shut denies everything`,
  ]);
  const narrow = "{selector: {matchLabels: {app: catalog}}, action: DENY, rules: [{}]}";
  assert.deepEqual(shadowed({ gets: GETS, narrow }), []);
  assert.deepEqual(shadowed({ gets: GETS, tried: "{dryRun: true, rules: [{}]}" }), []);
});
