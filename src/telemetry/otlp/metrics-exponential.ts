/** What an ExponentialHistogramDataPoint of OTLP has besides labels and times. */
import type { ExponentialSnapshot } from "../histogram-exponential.ts";
import type { HistogramSnapshot } from "../metric-snapshot.ts";
import { fieldLength, type ProtoBuffer, varintLength } from "./metrics-wire.ts";

/** Of a histogram that was not counted so: its sum and count are told all the same. */
const NOTHING: ExponentialSnapshot = { scale: 0, zeroCount: 0, offset: 0, counts: [] };
/** A fixed64 or double in a field below 16. */
const NUMBER_BYTES = 9;

export function exponentialLength({ exponential = NOTHING }: HistogramSnapshot): number {
  const scale = 1 + varintLength(zigzag(exponential.scale));
  return NUMBER_BYTES * 3 + scale + fieldLength(bucketsLength(exponential));
}

export function writeExponential(out: ProtoBuffer, value: HistogramSnapshot): void {
  const { exponential = NOTHING, count, sum } = value;
  out.fixed64(4, count);
  out.double(5, sum);
  out.enumeration(6, zigzag(exponential.scale));
  out.fixed64(7, exponential.zeroCount);
  out.open(8, bucketsLength(exponential));
  out.enumeration(1, zigzag(exponential.offset));
  out.open(2, countsLength(exponential));
  for (const one of exponential.counts) out.varint(one);
}

function bucketsLength(exponential: ExponentialSnapshot): number {
  return 1 + varintLength(zigzag(exponential.offset)) + fieldLength(countsLength(exponential));
}

function countsLength({ counts }: ExponentialSnapshot): number {
  let length = 0;
  for (const count of counts) length += varintLength(count);
  return length;
}

/** Encoding of sint32. */
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
