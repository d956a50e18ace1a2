/**
 * Golden tests: each `testdata/*.input.yaml` gives the `*.golden.json` beside it, and its requests go where
 * it says. `UPDATE_GOLDEN=1` writes the golden files anew (`npm run format` then lays them out); read the
 * difference before it is committed.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromBinary, type JsonValue, toBinary } from "@bufbuild/protobuf";
import {
  firstPortOf,
  type MeshFixture,
  parseMeshFixture,
  type ResourceGroup,
} from "../../test/support/mesh-fixture.ts";
import { compileRoutes, simulate } from "../../test/support/route-simulation.ts";
import { schemaOfTypeUrl, xdsJson, xdsRegistry } from "../../test/support/xds-json.ts";
import type { RouteConfiguration } from "../gen/envoy/config/route/v3/route_pb.js";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../xds/type-urls.ts";
import { translateProxy } from "./translate.ts";
import type { Translation, XdsResource } from "./translation.ts";

const TESTDATA = join(import.meta.dirname, "testdata");
const INPUT_SUFFIX = ".input.yaml";
const IS_UPDATE = process.env["UPDATE_GOLDEN"] === "1";
const GROUPS: Readonly<Record<string, ResourceGroup>> = {
  [CLUSTER_TYPE_URL]: "clusters",
  [ENDPOINT_TYPE_URL]: "endpoints",
  [LISTENER_TYPE_URL]: "listeners",
  [ROUTE_TYPE_URL]: "routes",
  [SECRET_TYPE_URL]: "secrets",
};
const names = readdirSync(TESTDATA)
  .filter((file) => file.endsWith(INPUT_SUFFIX))
  .map((file) => file.slice(0, -INPUT_SUFFIX.length));
const types = xdsRegistry();

for (const name of names) {
  test(`golden: ${name}`, () => {
    const file = `${name}${INPUT_SUFFIX}`;
    const fixture = parseMeshFixture(readFileSync(join(TESTDATA, file), "utf8"), file);
    const translation = translateProxy(fixture.snapshot, fixture.scope);
    checkGolden(name, goldenText(fixture, translation));
    checkRequests(fixture, translation);
    checkOrderDoesNotMatter(fixture, translation);
  });
}

test("there is an input for each golden file", () => {
  const golden = readdirSync(TESTDATA).filter((file) => file.endsWith(".golden.json"));
  assert.deepEqual(golden.sort(), names.map((name) => `${name}.golden.json`).sort());
});

function goldenText({ head }: MeshFixture, { resources, findings }: Translation): string {
  const groups = head.show.map((group): [string, JsonValue] => [
    group,
    resources
      .filter((resource) => groupOf(resource) === group)
      .map(({ message }) => xdsJson(message, types)),
  ]);
  const shown = findings.map(({ object, ...finding }) => ({
    object: `${object.kind} ${object.namespace}/${object.name}`,
    ...finding,
  }));
  return `${JSON.stringify({ findings: shown, ...Object.fromEntries(groups) }, null, 2)}\n`;
}

function groupOf({ typeUrl, name }: XdsResource): ResourceGroup | undefined {
  return name.startsWith("dns|") ? "names" : GROUPS[typeUrl];
}

function checkGolden(name: string, actual: string): void {
  const path = join(TESTDATA, `${name}.golden.json`);
  if (IS_UPDATE) writeFileSync(path, actual);
  assert.deepEqual(JSON.parse(actual), JSON.parse(readFileSync(path, "utf8")));
}

function checkRequests({ head, snapshot }: MeshFixture, { resources }: Translation): void {
  const tables = resources
    .filter(({ typeUrl }) => typeUrl === ROUTE_TYPE_URL)
    .map(({ message }) => compileRoutes(message as RouteConfiguration));
  for (const { to = firstPortOf(snapshot), expect, ...request } of head.requests ?? []) {
    const [host = "", port = ""] = to.split(":");
    const name = `outbound|${port}||${host.includes(".") ? host : `${host}.default`}.svc.tulle.local`;
    const table = tables.find((candidate) => candidate.name === name);
    assert.ok(table !== undefined, `there is no route configuration ${name}`);
    assert.equal(simulate(table, request), expect, `${request.request} to ${to}`);
  }
}

/** The same mesh listed the other way round gives the same bytes, and every byte can be read back. */
function checkOrderDoesNotMatter({ snapshot, scope }: MeshFixture, expected: Translation): void {
  const reversed = translateProxy(
    {
      ...snapshot,
      services: snapshot.services.toReversed(),
      externalServices: snapshot.externalServices.toReversed(),
      grpcRoutes: snapshot.grpcRoutes.toReversed(),
      httpRoutes: snapshot.httpRoutes.toReversed(),
      tcpRoutes: snapshot.tcpRoutes.toReversed(),
      tlsRoutes: snapshot.tlsRoutes.toReversed(),
      rateLimitPolicies: snapshot.rateLimitPolicies.toReversed(),
      routeFilters: snapshot.routeFilters.toReversed(),
      trafficPolicies: snapshot.trafficPolicies.toReversed(),
      cachePolicies: snapshot.cachePolicies.toReversed(),
      faultPolicies: snapshot.faultPolicies.toReversed(),
      peerAuthentications: snapshot.peerAuthentications?.toReversed() ?? [],
      authorizationPolicies: snapshot.authorizationPolicies?.toReversed() ?? [],
      telemetryPolicies: snapshot.telemetryPolicies?.toReversed() ?? [],
      instances: snapshot.instances
        .toReversed()
        .map((instance) => ({ ...instance, labels: reverseKeys(instance.labels) })),
    },
    scope,
  );
  assert.deepEqual(reversed.findings, expected.findings);
  assert.deepEqual(bytesOf(reversed), bytesOf(expected));
}

function bytesOf({ resources }: Translation): readonly string[] {
  return resources.map(({ typeUrl, name, message }) => {
    const schema = schemaOfTypeUrl(typeUrl, types);
    const bytes = toBinary(schema, message);
    const again = toBinary(schema, fromBinary(schema, bytes));
    assert.deepEqual(again, bytes, `${name} changes when it is read and written again`);
    return `${typeUrl} ${name} ${Buffer.from(bytes).toString("base64")}`;
  });
}

function reverseKeys(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).reverse());
}
