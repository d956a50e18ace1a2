/**
 * Whether a trace that begins here is recorded. The trace id itself decides, by its 56 random bits as in OpenTelemetry's
 * consistent sampling: whoever asks at the same rate gets the same answer, at every hop.
 */
import type { TraceContext } from "./trace-context.ts";

/** Bits of the third word that are random by W3C Trace Context Level 2, section 3.2.2.3. */
const HIGH_MASK = 0x00ff_ffff;
const TWO_POW_32 = 0x1_0000_0000;
const TWO_POW_56 = 2 ** 56;

/** `fraction` is from 0 to 1. */
export function isSampledRoot({ ids }: TraceContext, fraction: number): boolean {
  if (fraction >= 1) return true;
  if (fraction <= 0) return false;
  const randomness = (ids[2]! & HIGH_MASK) * TWO_POW_32 + (ids[3]! >>> 0);
  return randomness >= (1 - fraction) * TWO_POW_56;
}
