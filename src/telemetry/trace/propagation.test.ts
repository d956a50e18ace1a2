/** Contexts in all formats: what is read, what goes on, and that nothing malformed is more than ignored. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { blockOf } from "../../../test/support/header-fixture.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import { wordsText } from "./hex-words.ts";
import {
  type Arrival,
  FORMAT_B3,
  FORMAT_B3_SINGLE,
  FORMAT_W3C,
  readArrival,
  tidyTracestate,
  writeContext,
} from "./propagation.ts";
import { PARENT_AT, SPAN_AT, TraceContext } from "./trace-context.ts";
import { TraceIds } from "./trace-ids.ts";
import { passableTracestate, readTraceparent, traceparentOf } from "./w3c-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = "53995c3f42cd8ad8";

interface Read {
  readonly trace: string;
  readonly span: string;
  readonly decision: Arrival["decision"];
}

function read(lines: string): Read | Arrival["decision"] {
  const context = new TraceContext();
  const arrival: Arrival = { hasContext: false, decision: "defer", formats: 0, traceparent: "" };
  readArrival(blockOf(lines), context, arrival);
  if (!arrival.hasContext) return arrival.decision;
  const { ids } = context;
  const { decision } = arrival;
  return { trace: wordsText(ids, 0, 4), span: wordsText(ids, SPAN_AT, 2), decision };
}

const FULL: Read = { trace: TRACE, span: SPAN, decision: "sampled" };

test("every format is read", () => {
  const samples: readonly (readonly [string, Read | Arrival["decision"]])[] = [
    [`traceparent: 00-${TRACE}-${SPAN}-01\r\n`, FULL],
    [`traceparent: 00-${TRACE}-${SPAN}-00\r\n`, { ...FULL, decision: "not-sampled" }],
    [`traceparent: cc-${TRACE}-${SPAN}-01-what-comes\r\n`, FULL],
    [`b3: ${TRACE}-${SPAN}-1-${PARENT}\r\n`, FULL],
    [`b3: ${TRACE}-${SPAN}\r\n`, { ...FULL, decision: "defer" }],
    [
      `b3: ${TRACE.slice(16)}-${SPAN}-d\r\n`,
      { ...FULL, trace: `${"0".repeat(16)}${TRACE.slice(16)}` },
    ],
    ["b3: 0\r\n", "not-sampled"],
    ["b3: d\r\n", "sampled"],
    [`x-b3-traceid: ${TRACE}\r\nx-b3-spanid: ${SPAN}\r\nx-b3-sampled: 1\r\n`, FULL],
    [`X-B3-TraceId: ${TRACE.toUpperCase()}\r\nX-B3-SpanId: ${SPAN}\r\nX-B3-Flags: 1\r\n`, FULL],
    ["x-b3-sampled: 0\r\n", "not-sampled"],
    [`uber-trace-id: ${TRACE}:${SPAN}:0:1\r\n`, FULL],
    [`uber-trace-id: ${TRACE}%3A${SPAN.slice(2)}%3A0%3A3\r\n`, FULL],
    // W3C's before others.
    [`b3: ${PARENT}-${PARENT}-0\r\ntraceparent: 00-${TRACE}-${SPAN}-01\r\n`, FULL],
    // A malformed one does not hide a good one.
    [`traceparent: 00-${TRACE}-${SPAN}-0\r\nb3: ${TRACE}-${SPAN}-1\r\n`, FULL],
  ];
  for (const [lines, expected] of samples) assert.deepEqual(read(lines), expected, lines);
});

test("what is malformed is as if it had not come", () => {
  const zeroTrace = "0".repeat(32);
  const zeroSpan = "0".repeat(16);
  for (const value of [
    "",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01,00-${TRACE}-${SPAN}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${zeroTrace}-${SPAN}-01`,
    `00-${TRACE}-${zeroSpan}-01`,
    `00-${TRACE}_${SPAN}-01`,
    `00-${TRACE}-${SPAN}-zz`,
    `cc-${TRACE}-${SPAN}-01what`,
    "\u00ff".repeat(55),
  ]) {
    assert.equal(read(`traceparent: ${value}\r\n`), "defer", value);
  }
  const traceparent = `traceparent: 00-${TRACE}-${SPAN}-01\r\n`;
  assert.equal(read(traceparent + traceparent), "defer", "two of them are none");
  for (const line of [
    `b3: ${TRACE}-${SPAN}-2`,
    `b3: ${TRACE}-${SPAN}-1-${PARENT}-1`,
    `b3: ${TRACE}-${zeroSpan}-1`,
    `b3: ${TRACE.slice(1)}-${SPAN}-1`,
    `x-b3-traceid: ${TRACE}`,
    `uber-trace-id: ${TRACE}:${SPAN}:0`,
    `uber-trace-id: ${TRACE}:${SPAN}:0:1:1`,
    `uber-trace-id: 0:0:0:1`,
  ]) {
    assert.equal(read(`${line}\r\n`), "defer", line);
  }
});

test("any text is read or ignored, and what is read is written as it came", () => {
  const hex = (length: number) =>
    fc.string({
      minLength: length,
      maxLength: length,
      unit: fc.constantFrom(..."0123456789abcdef"),
    });
  const context = new TraceContext();
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (readTraceparent(text, context)) assert.equal(text.length >= 55, true);
    }),
  );
  fc.assert(
    fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 3 }), (trace, span, flags) => {
      const text = `00-${trace}-${span}-0${flags}`;
      const isZero = /^0+$/.test(trace) || /^0+$/.test(span);
      assert.equal(readTraceparent(text, context), !isZero);
      if (!isZero) assert.equal(traceparentOf(context), text);
    }),
  );
});

function written(lines: string, formats: number): Record<string, string> {
  const context = new TraceContext();
  const arrival: Arrival = { hasContext: false, decision: "defer", formats: 0, traceparent: "" };
  const block = blockOf(lines);
  readArrival(block, context, arrival);
  context.descend(0x01234567, 0x09abcdef);
  writeContext(block, context, formats | arrival.formats, traceparentOf(context));
  return fieldsOf(block);
}

function fieldsOf(block: HeaderBlock): Record<string, string> {
  const fields: Record<string, string> = {};
  block.forEach((name, value) => {
    fields[name] = value;
  });
  return fields;
}

test("the configured formats go on, and those that came", () => {
  const own = "0123456709abcdef";
  assert.deepEqual(written(`traceparent: 00-${TRACE}-${SPAN}-03\r\nbaggage: a=b\r\n`, FORMAT_W3C), {
    baggage: "a=b",
    traceparent: `00-${TRACE}-${own}-03`,
  });
  assert.deepEqual(written(`b3: ${TRACE}-${SPAN}-1\r\n`, FORMAT_W3C), {
    traceparent: `00-${TRACE}-${own}-01`,
    b3: `${TRACE}-${own}-1-${SPAN}`,
  });
  assert.deepEqual(
    written(`traceparent: 00-${TRACE}-${SPAN}-01\r\n`, FORMAT_B3 | FORMAT_B3_SINGLE),
    {
      traceparent: `00-${TRACE}-${own}-01`,
      b3: `${TRACE}-${own}-1-${SPAN}`,
      "x-b3-traceid": TRACE,
      "x-b3-spanid": own,
      "x-b3-parentspanid": SPAN,
      "x-b3-sampled": "1",
    },
  );
  const debug = `x-b3-traceid: ${TRACE.slice(16)}\r\nx-b3-spanid: ${SPAN}\r\nx-b3-flags: 1\r\n`;
  assert.deepEqual(written(debug, 0), {
    "x-b3-traceid": TRACE.slice(16),
    "x-b3-spanid": own,
    "x-b3-parentspanid": SPAN,
    "x-b3-flags": "1",
  });
});

test("tracestate goes on within its bounds", () => {
  assert.equal(passableTracestate("a=1,b=2"), "a=1,b=2");
  assert.equal(passableTracestate("a=1, ,b=2"), "a=1, ,b=2");
  assert.equal(passableTracestate("a=1,a=2"), undefined);
  assert.equal(passableTracestate("A=1"), undefined);
  assert.equal(passableTracestate("a"), undefined);
  assert.equal(passableTracestate(""), undefined);
  const many = Array.from({ length: 33 }, (_, i) => `k${i}=v`);
  assert.equal(passableTracestate(many.slice(0, 32).join(",")), many.slice(0, 32).join(","));
  assert.equal(passableTracestate(many.join(",")), undefined);
  const long = `l=${"x".repeat(200)}`;
  const short = Array.from({ length: 30 }, (_, i) => `k${i}=${"v".repeat(10)}`);
  const kept = passableTracestate([long, ...short].join(","))!;
  assert.equal(kept, short.join(","), "long members go first");
  fc.assert(fc.property(fc.string(), (text) => (passableTracestate(text)?.length ?? 0) <= 512));
  const block = blockOf("tracestate: a=1\r\nTracestate: b=2\r\n");
  tidyTracestate(block, true);
  assert.deepEqual(fieldsOf(block), { tracestate: "a=1", Tracestate: "b=2" });
  tidyTracestate(block, false);
  assert.deepEqual(fieldsOf(block), {});
});

test("new ids are never zero, and a span descends from the one before", () => {
  const ids = new TraceIds();
  const context = new TraceContext();
  // More than are drawn at once.
  for (let i = 0; i < 300; i++) {
    context.flags = 1;
    ids.beginTrace(context);
    assert.ok(context.hasTrace && context.hasSpan && !context.hasParent && !context.isSampled);
    assert.equal(ids.startText(context), traceparentOf(context));
    context.isSampled = i % 2 === 0;
    const first = ids.startText(context);
    assert.equal(first, traceparentOf(context));
    const before = wordsText(context.ids, SPAN_AT, 2);
    ids.beginSpan(context);
    assert.ok(context.hasSpan);
    assert.equal(wordsText(context.ids, PARENT_AT, 2), before);
    assert.equal(ids.nextText(context, first), traceparentOf(context));
  }
});
