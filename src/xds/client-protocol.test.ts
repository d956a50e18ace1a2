/** Responses that no correct server sends, as the client reads them. */
import assert from "node:assert/strict";
import test from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { listener } from "../../test/support/xds-resources.ts";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import { ClientType } from "./client-type.ts";
import { deltaProtocol } from "./delta-protocol.ts";
import { sotwProtocol } from "./sotw-protocol.ts";
import { CLUSTER_TYPE_URL as CDS, LISTENER_TYPE_URL as LDS } from "./type-urls.ts";

const body = (name: string, typeUrl = LDS): { typeUrl: string; value: Uint8Array } => ({
  typeUrl,
  value: listener(name).bytes,
});

test("delta: names that come twice, foreign types and heartbeats", () => {
  const response = create(DeltaDiscoveryResponseSchema, {
    typeUrl: LDS,
    nonce: "1",
    resources: [
      { name: "good", version: "1", resource: body("good") },
      { name: "twice", version: "1", resource: body("twice") },
      { name: "twice", version: "2", resource: body("twice") },
      { name: "foreign", version: "1", resource: body("foreign", CDS) },
      { name: "heartbeat", version: "1" },
    ],
  });
  const read = deltaProtocol.decode(toBinary(DeltaDiscoveryResponseSchema, response), () => []);
  assert.deepEqual(
    read.resources.map(({ name }) => name),
    ["good"],
  );
  assert.deepEqual(
    read.errors.map(({ name }) => name),
    ["foreign", "twice"],
  );
});

test("state of the world: the same, and a resource without a name", () => {
  const response = create(DiscoveryResponseSchema, {
    typeUrl: LDS,
    nonce: "1",
    resources: [body("good"), body("twice"), body("twice"), body("foreign", CDS), { typeUrl: LDS }],
  });
  const known = ["good", "twice", "foreign", "gone"];
  const read = sotwProtocol.decode(toBinary(DiscoveryResponseSchema, response), () => known);
  assert.deepEqual(
    read.resources.map(({ name }) => name),
    ["good"],
  );
  assert.deepEqual(
    read.errors.map(({ name }) => name),
    ["foreign", "", "twice"],
  );
  assert.deepEqual(read.removed, ["gone"], "what is refused is not gone");
});

test("delta: the first request of a stream tells names and versions, later ones only changes", () => {
  const type = new ClientType(LDS);
  type.subscribe(["*", "a"]);
  type.known.set("a", "7");
  const read = (): ReturnType<typeof create<typeof DeltaDiscoveryRequestSchema>> =>
    fromBinary(DeltaDiscoveryRequestSchema, deltaProtocol.encode(type, undefined, undefined));
  const first = read();
  assert.deepEqual(first.resourceNamesSubscribe, ["*", "a"]);
  assert.deepEqual(first.initialResourceVersions, { a: "7" });
  type.isStarted = true;
  type.newNames.clear();
  type.subscribe(["b"]);
  type.unsubscribe(["a"]);
  const second = read();
  assert.deepEqual(second.resourceNamesSubscribe, ["b"]);
  assert.deepEqual(second.resourceNamesUnsubscribe, ["a"]);
  assert.deepEqual(second.initialResourceVersions, {});
});

test("state of the world: the wildcard is always spelt out", () => {
  const type = new ClientType(LDS);
  type.subscribe(["*"]);
  const bytes = sotwProtocol.encode(type, { nonce: "3", error: "bad" }, undefined);
  const request = fromBinary(DiscoveryRequestSchema, bytes);
  assert.deepEqual(request.resourceNames, ["*"]);
  assert.equal(request.responseNonce, "3");
  assert.equal(request.errorDetail?.message, "bad");
});
