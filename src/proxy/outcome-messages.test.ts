/** Messages of gRPC are counted however their bytes are cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MetricRegistry } from "../telemetry/metric-registry.ts";
import { UNKNOWN_SERVICE, UNKNOWN_WORKLOAD } from "../telemetry/request-metrics.ts";
import { MessageMetrics } from "../telemetry/request-metrics-messages.ts";
import { MessageCount, OutcomeMessages } from "./outcome-messages.ts";

function framed(lengths: readonly number[]): Buffer {
  return Buffer.concat(
    lengths.map((length) => {
      const message = Buffer.alloc(5 + length, 0xff);
      message[0] = 0;
      message.writeUInt32BE(length, 1);
      return message;
    }),
  );
}

test("any messages in any pieces", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 12 });
  const cuts = fc.array(fc.nat(8_000), { maxLength: 20 });
  fc.assert(
    fc.property(lengths, cuts, (messages, places) => {
      const bytes = framed(messages);
      const count = new MessageCount();
      const inside = places.filter((at) => at < bytes.length).sort((a, b) => a - b);
      let start = 0;
      for (const end of [...inside, bytes.length]) {
        count.take(bytes, start, end);
        start = end;
      }
      assert.equal(count.value, messages.length);
    }),
  );
});

test("a stream that lives is counted when metrics are read, and the rest at its end", () => {
  const registry = new MetricRegistry();
  const metrics = new MessageMetrics(registry);
  const series = metrics.series({
    reporter: "source",
    source: UNKNOWN_WORKLOAD,
    destination: UNKNOWN_WORKLOAD,
    service: UNKNOWN_SERVICE,
  });
  let isKnown = false;
  const messages = new OutcomeMessages(metrics, () => (isKnown ? series : undefined));
  const bytes = framed([3, 4]);
  const values = (): number[] => [series.requests.value, series.responses.value];
  messages.begin();
  messages.request.take(bytes, 0, bytes.length);
  registry.families();
  assert.deepEqual(values(), [0, 0], "nobody answers yet");
  isKnown = true;
  messages.response.take(bytes, 0, 8);
  registry.families();
  assert.deepEqual(values(), [2, 1]);
  messages.response.take(bytes, 8, bytes.length);
  messages.end();
  messages.end();
  registry.families();
  assert.deepEqual(values(), [2, 2]);
  assert.equal(metrics.streams.size, 0);
  messages.begin();
  messages.request.take(bytes, 0, bytes.length);
  messages.end();
  assert.deepEqual(values(), [4, 2]);
});
