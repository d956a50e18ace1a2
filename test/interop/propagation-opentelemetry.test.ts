/**
 * Contexts of traces as OpenTelemetry's own propagators read and write them (W3C, B3 in both forms, Jaeger), beside ours: for
 * headers that are good, odd and broken. Where we differ a specification or a reason is named.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapPropagator,
  trace,
} from "@opentelemetry/api";
import { TraceState, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { B3InjectEncoding, B3Propagator } from "@opentelemetry/propagator-b3";
// biome-ignore lint/suspicious/noDeprecatedImports: the format is old, and who still sends it wants to be understood.
import { JaegerPropagator } from "@opentelemetry/propagator-jaeger";
import fc from "fast-check";
import { wordsText } from "../../src/telemetry/trace/hex-words.ts";
import {
  type Arrival,
  FORMAT_B3,
  FORMAT_B3_SINGLE,
  FORMAT_W3C,
  readArrival,
  writeContext,
} from "../../src/telemetry/trace/propagation.ts";
import { SPAN_AT, TraceContext } from "../../src/telemetry/trace/trace-context.ts";
import { passableTracestate, traceparentOf } from "../../src/telemetry/trace/w3c-context.ts";
import { blockOf } from "../support/header-fixture.ts";

type Headers = Readonly<Record<string, string>>;

interface Read {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

const RUNS = { numRuns: 2_000 };
const w3c = new W3CTraceContextPropagator();
const b3Single = new B3Propagator();
const b3Multi = new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER });
const jaeger = new JaegerPropagator();

function readByOthers(propagator: TextMapPropagator, headers: Headers): Read | undefined {
  const context = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
  const found = trace.getSpanContext(context);
  // Jaeger's propagator does not look at ids; whoever uses a context does.
  if (found === undefined || !isSpanContextValid(found)) return undefined;
  const { traceId, spanId, traceFlags } = found;
  return {
    traceId: traceId.toLowerCase(),
    spanId: spanId.toLowerCase(),
    isSampled: (traceFlags & 1) === 1,
  };
}

function arrivalOf(headers: Headers) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const block = blockOf(lines.join(""));
  const context = new TraceContext();
  const arrival: Arrival = { hasContext: false, decision: "defer", formats: 0, traceparent: "" };
  readArrival(block, context, arrival);
  return { block, context, arrival };
}

/** A decision that is left to us is one that OpenTelemetry's propagators have no word for: they take it for "no". */
function readByUs(headers: Headers): Read | undefined {
  const { context, arrival } = arrivalOf(headers);
  if (!arrival.hasContext) return undefined;
  return {
    traceId: wordsText(context.ids, 0, 4),
    spanId: wordsText(context.ids, SPAN_AT, 2),
    isSampled: arrival.decision === "sampled",
  };
}

/** What a proxy writes that continues the context of these headers. */
function writtenByUs(headers: Headers, formats: number): Headers {
  const { block, context } = arrivalOf(headers);
  context.descend(0x01234567, 0x09abcdef);
  writeContext(block, context, formats, traceparentOf(context));
  const fields: Record<string, string> = {};
  block.forEach((name, value) => {
    fields[name] = value;
  });
  return fields;
}

const digits = (length: number) =>
  fc.string({
    minLength: length,
    maxLength: length,
    unit: fc.constantFrom(..."0123456789abcdef"),
  });
/** Zeros, upper case, one digit too few or too many, other characters: each now and then. */
const oddDigits = (length: number) =>
  fc.oneof(
    { arbitrary: digits(length), weight: 8 },
    { arbitrary: fc.constant("0".repeat(length)), weight: 1 },
    { arbitrary: digits(length).map((text) => text.toUpperCase()), weight: 1 },
    { arbitrary: digits(length - 1), weight: 1 },
    { arbitrary: digits(length + 1), weight: 1 },
    { arbitrary: digits(length - 1).map((text) => `${text}g`), weight: 1 },
  );
const joined = (separator: string, ...parts: readonly fc.Arbitrary<string>[]) =>
  fc.tuple(...parts).map((texts) => texts.filter((text) => text !== "").join(separator));
/** Parts that may be left out, or be there once too often. */
const maybe = (arbitrary: fc.Arbitrary<string>) =>
  fc.oneof({ arbitrary, weight: 6 }, { arbitrary: fc.constant(""), weight: 1 });

const spans = fc.record({
  traceId: digits(32).filter((text) => !/^0+$/.test(text)),
  spanId: digits(16).filter((text) => !/^0+$/.test(text)),
  traceFlags: fc.constantFrom(0, 1),
});

const FORMATS = [
  { name: "W3C", propagator: w3c, format: FORMAT_W3C },
  { name: "B3 in one header", propagator: b3Single, format: FORMAT_B3_SINGLE },
  { name: "B3 in several headers", propagator: b3Multi, format: FORMAT_B3 },
  { name: "Jaeger", propagator: jaeger, format: undefined },
] as const;

function injectedByOthers(propagator: TextMapPropagator, span: SpanContext): Headers {
  const headers: Record<string, string> = {};
  const context = trace.setSpanContext(ROOT_CONTEXT, span);
  propagator.inject(context, headers, defaultTextMapSetter);
  return headers;
}

for (const { name, propagator, format } of FORMATS) {
  test(`${name}: what they write we read, and what we write they read`, () => {
    fc.assert(
      fc.property(spans, (span) => {
        const headers = injectedByOthers(propagator, span);
        const isSampled = span.traceFlags === 1;
        const { traceId, spanId } = span;
        assert.deepEqual(readByUs(headers), { traceId, spanId, isSampled });
        if (format === undefined) return;
        const goesOn = writtenByUs(headers, format);
        const read = readByOthers(propagator, goesOn);
        assert.deepEqual(read, { traceId, spanId: "0123456709abcdef", isSampled });
      }),
      RUNS,
    );
  });
}

test("traceparent: good, odd and broken ones are read alike", () => {
  const values = joined(
    "-",
    fc.constantFrom("00", "00", "00", "01", "cc", "fe", "ff", "0", "0G"),
    maybe(oddDigits(32)),
    maybe(oddDigits(16)),
    maybe(fc.oneof(fc.constantFrom("00", "01", "02", "03", "ff", "1", "zz"), oddDigits(2))),
    fc.constantFrom("", "", "", "", "more", "1"),
  );
  fc.assert(
    fc.property(values, (traceparent) => {
      assert.deepEqual(readByUs({ traceparent }), readByOthers(w3c, { traceparent }));
    }),
    { numRuns: 10_000 },
  );
});

/** The whole of a `b3` header: B3, "Single Header"; OpenTelemetry's propagator looks for a context anywhere in the text. */
const WHOLE_B3 = /^(?:[0-9a-f]{16}){1,2}-[0-9a-f]{16}(?:-[01d](?:-[0-9a-f]{16})?)?$/;
const IS_ZERO_PARENT = /-0{16}$/;

test("b3: whole ones are read alike; what is only in part one is none for us", () => {
  const values = joined(
    "-",
    maybe(fc.oneof(oddDigits(32), oddDigits(16))),
    maybe(oddDigits(16)),
    maybe(fc.constantFrom("0", "1", "d", "2", "dd")),
    maybe(oddDigits(16)),
    fc.constantFrom("", "", "", "1"),
  );
  let [alike, parts] = [0, 0];
  fc.assert(
    fc.property(values, (b3) => {
      const [ours, theirs] = [readByUs({ b3 }), readByOthers(b3Single, { b3 })];
      // B3 knows the digits in lower case; OpenZipkin's own readers take both, and so do we.
      if (b3 !== b3.toLowerCase()) return;
      if (WHOLE_B3.test(b3) && !IS_ZERO_PARENT.test(b3)) {
        alike += 1;
        assert.deepEqual(ours, theirs, b3);
      } else {
        parts += 1;
        assert.equal(ours, undefined, b3);
      }
    }),
    { numRuns: 10_000 },
  );
  assert.ok(alike > 1000 && parts > 1000, `${alike} ${parts}`);
});

test("x-b3-*: good, odd and broken ones are read alike", () => {
  const values = fc.record(
    {
      "x-b3-traceid": fc.oneof(oddDigits(32), oddDigits(16)),
      "x-b3-spanid": oddDigits(16),
      "x-b3-sampled": fc.constantFrom("0", "1", "true", "false", "True", "False", "2", "d"),
      "x-b3-flags": fc.constantFrom("0", "1", "2"),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(values, (headers) => {
      // B3, "TraceId": 16 or 32 digits. Theirs takes fewer and fills them up with zeros.
      const isOdd = ![16, 32].includes(headers["x-b3-traceid"]?.length ?? 0);
      const theirs = isOdd ? undefined : readByOthers(b3Multi, headers);
      assert.deepEqual(readByUs(headers), theirs, JSON.stringify(headers));
    }),
    { numRuns: 10_000 },
  );
});

test("uber-trace-id: good ones are read alike; flags that are none are not sampled, and no context for us", () => {
  const values = joined(
    ":",
    maybe(fc.oneof(oddDigits(32), oddDigits(16), digits(5))),
    maybe(fc.oneof(oddDigits(16), digits(3))),
    maybe(fc.constantFrom("0", "0000000000000000", "x")),
    maybe(fc.constantFrom("0", "1", "01", "2", "3", "f", "ff", "1ff", "z")),
    fc.constantFrom("", "", "", "1"),
  );
  const encodings = fc.constantFrom(":", "%3A", "%3a");
  fc.assert(
    fc.property(values, encodings, (value, colon) => {
      const headers = { "uber-trace-id": value.replaceAll(":", colon) };
      const flags = value.split(":")[3] ?? "";
      const isBroken = !/^[0-9a-f]{1,2}$/.test(flags);
      const theirs = isBroken ? undefined : readByOthers(jaeger, headers);
      assert.deepEqual(readByUs(headers), theirs, value);
    }),
    { numRuns: 10_000 },
  );
});

test("tracestate: what goes on through us is what they read of it", () => {
  const lower = "abcdefghijklmnopqrstuvwxyz";
  // Level 2 lets a key begin with a digit; theirs knows Level 1.
  const keys = fc
    .tuple(
      fc.constantFrom(...lower),
      fc.string({ maxLength: 12, unit: fc.constantFrom(..."09az_-*/") }),
    )
    .map((parts) => parts.join(""));
  const members = fc.tuple(
    keys,
    fc.string({ minLength: 1, maxLength: 24, unit: fc.constantFrom(..."aZ09 !~:;-") }),
  );
  const lists = fc.uniqueArray(members, { maxLength: 40, selector: ([key]) => key });
  const separators = fc.constantFrom(",", ", ", " ,", ",,");
  fc.assert(
    fc.property(lists, separators, (list, separator) => {
      const texts = list.map(([key, value]) => `${key}=${value.trim() || "v"}`);
      const text = texts.join(separator);
      const passed = passableTracestate(text);
      // Section 3.3.1.1: 32 members at most. We let none go on, they the first 32.
      if (texts.length > 32 || texts.length === 0) assert.equal(passed, undefined);
      else {
        const theirs = new TraceState(passed).serialize().split(",");
        const kept = texts.filter((member) => theirs.includes(member));
        assert.deepEqual(theirs, kept);
        // Section 3.3.1.5: 512 characters go on whole; of more, members are taken away.
        if (text.length <= 512) assert.deepEqual(kept, texts);
        else assert.ok(theirs.join(",").length <= 512 && theirs.length > 0);
      }
    }),
    RUNS,
  );
});

test("baggage goes through us as it came", () => {
  const entries = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(..."abcXYZ019_") }),
    fc.record({ value: fc.string({ maxLength: 16, unit: fc.constantFrom(..."ab,;= %é😀") }) }),
    { maxKeys: 8 },
  );
  const propagator = new W3CBaggagePropagator();
  fc.assert(
    fc.property(entries, spans, (dictionary, span) => {
      const baggage = propagation.createBaggage(dictionary);
      const headers: Record<string, string> = {};
      propagator.inject(
        propagation.setBaggage(ROOT_CONTEXT, baggage),
        headers,
        defaultTextMapSetter,
      );
      const goesOn = writtenByUs({ ...headers, ...injectedByOthers(w3c, span) }, FORMAT_W3C);
      const context = propagator.extract(ROOT_CONTEXT, goesOn, defaultTextMapGetter);
      const before = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
      assert.deepEqual(
        propagation.getBaggage(context)?.getAllEntries(),
        propagation.getBaggage(before)?.getAllEntries(),
      );
    }),
    RUNS,
  );
});
