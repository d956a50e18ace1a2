/** The framed bytes must be what the protobuf library would have written, field order aside. */
import assert from "node:assert/strict";
import test from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { edsCluster, listener } from "../../test/support/xds-resources.ts";
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import { ResponseEncoder } from "./response-encoder.ts";
import { encodedResource } from "./snapshot.ts";
import { LISTENER_TYPE_URL as LDS } from "./type-urls.ts";
import { firstStringField, stringField } from "./wire.ts";

const encoder = new ResponseEncoder("tulle-1");

test("a state-of-the-world response", () => {
  const resources = [listener("a"), listener("b", 2)];
  const bytes = encoder.sotw({
    typeUrl: LDS,
    versionInfo: "v",
    nonce: "7",
    resources,
    missing: ["gone"],
  });
  const response = fromBinary(DiscoveryResponseSchema, bytes);
  assert.equal(response.versionInfo, "v");
  assert.equal(response.typeUrl, LDS);
  assert.equal(response.nonce, "7");
  assert.equal(response.controlPlane?.identifier, "tulle-1");
  assert.deepEqual(
    response.resources.map(({ typeUrl, value }) => [typeUrl, Buffer.from(value)]),
    resources.map(({ bytes: value }) => [LDS, Buffer.from(value)]),
  );
  // resource_errors is younger than the generated code: it arrives as an unknown field.
  const [unknown] = response.$unknown ?? [];
  assert.equal(unknown?.no, 7);
  assert.match(Buffer.from(unknown.data).toString("latin1"), /gone.*no such resource/s);
});

test("a delta response", () => {
  const resources = [listener("a"), listener("b", 2)];
  const bytes = encoder.delta({
    typeUrl: LDS,
    systemVersionInfo: "v",
    nonce: "7",
    resources,
    removed: ["x", "y"],
  });
  const response = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  assert.equal(response.systemVersionInfo, "v");
  assert.equal(response.controlPlane?.identifier, "tulle-1");
  assert.deepEqual(response.removedResources, ["x", "y"]);
  assert.deepEqual(
    response.resources.map(({ name, version, resource }) => [name, version, resource?.typeUrl]),
    resources.map(({ name, version }) => [name, version, LDS]),
  );
  assert.equal(response.$unknown, undefined);
});

test("any name, version and body survives", () => {
  const bodies = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(fc.string(), fc.string(), bodies, (name, version, body) => {
      const resource = encodedResource({ typeUrl: "t", name, version, bytes: body });
      const common = { typeUrl: "t", nonce: "1", resources: [resource] };
      const delta = encoder.delta({ ...common, systemVersionInfo: "", removed: [] });
      const [got] = fromBinary(DeltaDiscoveryResponseSchema, delta).resources;
      assert.equal(got?.name, name);
      assert.equal(got.version, version);
      assert.deepEqual(Buffer.from(got.resource?.value ?? []), Buffer.from(body));
      const sotw = encoder.sotw({ ...common, versionInfo: "", missing: [] });
      const [any] = fromBinary(DiscoveryResponseSchema, sotw).resources;
      assert.deepEqual(Buffer.from(any?.value ?? []), Buffer.from(body));
    }),
  );
});

test("the name of a resource is read without decoding it", () => {
  assert.equal(firstStringField(listener("outbound|80||catalog").bytes), "outbound|80||catalog");
  assert.equal(firstStringField(edsCluster("ü").bytes), "ü");
  assert.equal(firstStringField(Buffer.concat([Buffer.from([0x28, 5]), stringField(1, "n")])), "n");
  assert.equal(firstStringField(new Uint8Array()), undefined);
});

test("reading a name never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const name = firstStringField(bytes);
      assert.ok(name === undefined || typeof name === "string");
    }),
  );
});
