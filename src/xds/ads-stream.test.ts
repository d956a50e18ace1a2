/** One stream without a transport: what happens when the transport is full, and what a push costs. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { assignment, edsCluster, listener, secret } from "../../test/support/xds-resources.ts";
import { ManualClock } from "../core/clock.ts";
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import { AdsStream } from "./ads-stream.ts";
import { ClusterReferenceIndex } from "./cluster-references.ts";
import { SUBSCRIBED_NAMES_MAX } from "./limits.ts";
import { ResponseEncoder } from "./response-encoder.ts";
import { SetVersions } from "./set-version.ts";
import { proxySnapshot } from "./snapshot.ts";
import {
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  SECRET_TYPE_URL as SDS,
  shortTypeName,
} from "./type-urls.ts";

class Harness {
  readonly clock = new ManualClock();
  readonly sent: DeltaDiscoveryResponse[] = [];
  readonly acknowledged: number[] = [];
  isFull = false;
  readonly stream = new AdsStream({
    protocol: "delta",
    clock: this.clock,
    encoder: new ResponseEncoder("test"),
    references: new ClusterReferenceIndex(),
    setVersions: new SetVersions(),
    write: (bytes) => {
      this.sent.push(fromBinary(DeltaDiscoveryResponseSchema, bytes));
      return !this.isFull;
    },
    onAcknowledge: (revision) => this.acknowledged.push(revision),
    onRefuse: () => assert.fail("nothing is refused"),
  });

  request(
    typeUrl: string,
    resourceNamesSubscribe: readonly string[] = [],
    resourceNamesUnsubscribe: readonly string[] = [],
  ): ReturnType<AdsStream["onDeltaRequest"]> {
    return this.stream.onDeltaRequest(
      create(DeltaDiscoveryRequestSchema, {
        typeUrl,
        resourceNamesSubscribe: [...resourceNamesSubscribe],
        resourceNamesUnsubscribe: [...resourceNamesUnsubscribe],
      }),
    );
  }

  ackLast(): void {
    const last = this.sent.at(-1);
    assert.ok(last);
    const { typeUrl, nonce: responseNonce } = last;
    this.stream.onDeltaRequest(create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce }));
  }

  get sentTypes(): string[] {
    return this.sent.map(({ typeUrl }) => shortTypeName(typeUrl));
  }
}

describe("a slow transport", () => {
  test("gets one response more than it took, and the newest state when it takes again", () => {
    const harness = new Harness();
    harness.isFull = true;
    harness.stream.setSnapshot(proxySnapshot(1, [assignment("a"), secret("s")]));
    harness.request(EDS, ["a"]);
    harness.request(SDS, ["s"]);
    assert.deepEqual(harness.sentTypes, ["EDS"]);
    for (let revision = 2; revision <= 100; revision++) {
      harness.stream.setSnapshot(
        proxySnapshot(revision, [assignment("a", revision), secret("s", `pem ${revision}`)]),
      );
    }
    harness.ackLast();
    assert.deepEqual(harness.sentTypes, ["EDS"], "an acknowledgement does not make room");
    harness.isFull = false;
    harness.stream.drained();
    assert.deepEqual(harness.sentTypes, ["EDS", "EDS", "SDS"]);
    const newest = [assignment("a", 100), secret("s", "pem 100")].map(({ version }) => version);
    const got = harness.sent.slice(1).map(({ resources }) => resources[0]?.version);
    assert.deepEqual(got, newest);
  });

  test("a closed stream sends nothing and leaves no timer", () => {
    const harness = new Harness();
    harness.request(LDS);
    harness.stream.close();
    harness.stream.setSnapshot(proxySnapshot(1, [listener("l")]));
    harness.request(LDS);
    assert.deepEqual(harness.sent, []);
    assert.equal(harness.clock.pendingCount, 0);
  });
});

describe("bounds", () => {
  const names = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `n${from + index}`);

  test("a client cannot subscribe to names without end", () => {
    const harness = new Harness();
    assert.equal(harness.request(EDS, names(0, SUBSCRIBED_NAMES_MAX)), undefined);
    assert.equal(harness.request(EDS, ["one more"]), "too many names");
  });

  test("nor by giving them up again", () => {
    const harness = new Harness();
    harness.request(LDS, ["*"]);
    const half = SUBSCRIBED_NAMES_MAX / 2 + 1;
    harness.request(LDS, names(0, half));
    assert.equal(harness.request(LDS, [], names(0, half)), undefined);
    assert.equal(harness.request(LDS, names(half, half)), "too many names");
  });
});

test("maps that did not change are not looked at again", () => {
  const harness = new Harness();
  const clusters = new Map([["c", edsCluster("c")]]);
  let reads = 0;
  const listeners = new Map([["l", listener("l")]]);
  const watched = new Proxy(listeners, {
    get(target, key) {
      if (key === "keys" || key === "get") reads += 1;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const resources = new Map([
    [LDS, watched],
    ["clusters", clusters],
  ]);
  harness.stream.setSnapshot({ revision: 1, resources });
  harness.request(LDS);
  harness.ackLast();
  reads = 0;
  for (let revision = 2; revision < 10; revision++) {
    harness.stream.setSnapshot({ revision, resources: new Map(resources) });
  }
  assert.equal(reads, 0);
  assert.deepEqual(harness.acknowledged, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(harness.sent.length, 1);
});
