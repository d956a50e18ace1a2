import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../../core/clock.ts";
import { LONG_POLL_HOLD_MS, TAPS_MAX } from "../../../core/limits.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { TAP_ATTRIBUTE } from "../../../telemetry/otlp/access-log-attributes.ts";
import type { LogEvent } from "../telemetry-record.ts";
import { type TapRequest, Taps, type TapsAnswer } from "./taps.ts";

const CATALOG = { namespace: "default", service: "catalog" };
const CART = { namespace: "default", service: "cart" };
const RUN = "run-1";

class Fixture {
  readonly clock = new ManualClock();
  readonly taps = new Taps({ clock: this.clock, registry: new MetricRegistry(), run: RUN });
  readonly told: LogEvent[] = [];

  open(service: string): () => void {
    const request: TapRequest = {
      spec: { perSecond: 10, headers: [], responseHeaders: [], expression: undefined },
      asks: (proxy) => proxy.service === service,
      onEvents: (events) => this.told.push(...events),
    };
    const close = this.taps.open(request);
    assert.ok(close);
    return close;
  }

  /** What a proxy is told that knows the answer before. */
  watch(proxy: typeof CATALOG, known?: TapsAnswer): TapsAnswer[] {
    const answers: TapsAnswer[] = [];
    this.taps.watch(proxy, known ?? { version: 0, run: "" }, (answer) => answers.push(answer));
    return answers;
  }
}

function record(eventName: string, tap = ""): LogEvent {
  const resource = {
    ...{ service: "catalog", namespace: "default", version: "", instance: "catalog-1" },
    ...{ principal: "", attributes: {} },
  };
  const attributes = tap === "" ? {} : { [TAP_ATTRIBUTE.id]: tap };
  const times = { timeNs: 0n, severity: 9, body: "", traceId: "", spanId: "" };
  return { resource, eventName, attributes, ...times };
}

test("who knows nothing is told at once, and who is up to date when something changes", () => {
  const fixture = new Fixture();
  const atOnce = fixture.watch(CATALOG);
  fixture.clock.advance(0);
  const [first] = atOnce;
  assert.deepEqual(first?.taps, []);
  const answers = fixture.watch(CATALOG, first);
  fixture.clock.advance(LONG_POLL_HOLD_MS - 1);
  assert.equal(answers.length, 0);
  const close = fixture.open("catalog");
  assert.equal(answers[0]?.taps.length, 1);
  assert.equal(answers[0]?.taps[0]?.perSecond, 10);
  const after = fixture.watch(CATALOG, answers[0]);
  close();
  assert.deepEqual(after[0]?.taps, []);
});

test("only the proxies that are asked are told of a tap", () => {
  const fixture = new Fixture();
  fixture.open("catalog");
  const answers = fixture.watch(CART);
  fixture.clock.advance(0);
  assert.deepEqual(answers[0]?.taps, []);
});

test("a question is answered after a while, and one that was taken back never", () => {
  const fixture = new Fixture();
  const first = fixture.watch(CATALOG);
  fixture.clock.advance(0);
  const held = fixture.watch(CATALOG, first[0]);
  let isAnswered = false;
  const [known] = first;
  assert.ok(known);
  fixture.taps.watch(CATALOG, known, () => {
    isAnswered = true;
  })();
  fixture.clock.advance(LONG_POLL_HOLD_MS);
  assert.deepEqual(held, first);
  assert.equal(isAnswered, false);
});

test("a version of another run of the control plane says nothing", () => {
  const fixture = new Fixture();
  const answers = fixture.watch(CATALOG, { version: 1, run: "another", taps: [] });
  fixture.clock.advance(0);
  assert.equal(answers[0]?.run, RUN);
});

test("what is tapped goes to whoever taps, and is kept nowhere", () => {
  const fixture = new Fixture();
  const close = fixture.open("catalog");
  const answers = fixture.watch(CATALOG);
  fixture.clock.advance(0);
  const id = answers[0]?.taps[0]?.id ?? "";
  const kept = record("mesh.access");
  const tapped = record(TAP_ATTRIBUTE.event, id);
  assert.deepEqual(fixture.taps.take([kept, tapped]), [kept]);
  assert.deepEqual(fixture.told, [tapped]);
  close();
  assert.deepEqual(fixture.taps.take([tapped]), []);
  assert.deepEqual(fixture.told, [tapped]);
  assert.deepEqual(fixture.taps.take([kept]), [kept]);
});

test("there are only so many at a time", () => {
  const fixture = new Fixture();
  for (let i = 0; i < TAPS_MAX; i++) fixture.open("catalog");
  assert.throws(() => fixture.open("catalog"));
});
