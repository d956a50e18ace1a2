/**
 * Our own sidecar reads what translation makes of every golden input and example: it refuses fields that it
 * does not implement, so a field that one side learned without the other shows here.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import type { FieldError } from "../../src/decision/field-error.ts";
import { RouteTable } from "../../src/decision/route-table.ts";
import type { Cluster } from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { ClusterLoadAssignment } from "../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import type { Listener } from "../../src/gen/envoy/config/listener/v3/listener_pb.js";
import type { RouteConfiguration } from "../../src/gen/envoy/config/route/v3/route_pb.js";
import type { Secret } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { compileCluster } from "../../src/proxy/config/cluster-config.ts";
import { compileEndpoints } from "../../src/proxy/config/endpoint-config.ts";
import { compileListener } from "../../src/proxy/config/listener-config.ts";
import { messageRegistry } from "../../src/proxy/config/message-registry.ts";
import { compileValidation } from "../../src/proxy/config/tls-settings.ts";
import { unsupportedFields } from "../../src/proxy/config/unsupported-fields.ts";
import { readValidation } from "../../src/proxy/secret-store.ts";
import { translateProxy } from "../../src/translate/translate.ts";
import type { XdsResource } from "../../src/translate/translation.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../../src/xds/type-urls.ts";
import { parseMeshFixture, snapshotOf, TEST_SCOPE } from "../support/mesh-fixture.ts";
import { schemaOfTypeUrl, xdsRegistry } from "../support/xds-json.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const TESTDATA = join(ROOT, "src", "translate", "testdata");
const EXAMPLES = join(ROOT, "examples");
const types = xdsRegistry();

for (const file of yamlFiles(TESTDATA)) {
  test(`the sidecar accepts ${file}`, () => {
    const { snapshot, scope } = parseMeshFixture(readFileSync(join(TESTDATA, file), "utf8"), file);
    assertAccepted(translateProxy(snapshot, scope).resources);
  });
}

for (const file of yamlFiles(EXAMPLES)) {
  test(`the sidecar accepts examples/${file}`, () => {
    const snapshot = snapshotOf(readFileSync(join(EXAMPLES, file), "utf8"), file);
    assertAccepted(translateProxy(snapshot, TEST_SCOPE).resources);
  });
}

function yamlFiles(folder: string): readonly string[] {
  return readdirSync(folder).filter((file) => file.endsWith(".yaml"));
}

function assertAccepted(resources: readonly XdsResource[]): void {
  assert.ok(resources.length > 0);
  for (const resource of resources) {
    const schema = schemaOfTypeUrl(resource.typeUrl, types);
    const errors = unsupportedFields(schema, resource.message, messageRegistry);
    compile(resource, errors);
    assert.deepEqual(errors, [], resource.name);
  }
}

function compile({ typeUrl, message }: XdsResource, errors: FieldError[]): void {
  switch (typeUrl) {
    case CLUSTER_TYPE_URL:
      compileCluster(message as Cluster, errors);
      break;
    case ENDPOINT_TYPE_URL:
      compileEndpoints(message as ClusterLoadAssignment, "", errors);
      break;
    case LISTENER_TYPE_URL:
      assert.ok(compileListener(message as Listener, errors, systemClock.nowMs) !== undefined);
      break;
    case ROUTE_TYPE_URL:
      assert.ok(new RouteTable(message as RouteConfiguration, errors).virtualHosts.length > 0);
      break;
    case SECRET_TYPE_URL: {
      const { type } = message as Secret;
      assert.ok(type.case === "validationContext");
      const { bundles } = readValidation(compileValidation(type.value, "", errors));
      assert.ok(bundles !== undefined, "the SPIFFE rules apply");
      break;
    }
    default:
      assert.fail(`no sidecar reads ${typeUrl}`);
  }
}
