/**
 * What is known of a field, packed in one integer that table entries carry, so that a field that
 * comes by index is not looked at again: bits 0-7 its number from `HEADER`, bits 8-10 its number
 * from `PSEUDO` (0 for regular fields), bits 11-14 its fault (0 when well formed).
 */
import { HPACK_MALFORMED, HPACK_TOO_LARGE } from "./hpack-error.ts";

const FAULT_SHIFT = 11;

/** The part that belongs to the name. A bad name stays bad with any value. */
export function nameMeta(meta: number): number {
  const fault = faultOf(meta);
  const isOfName =
    fault === HPACK_MALFORMED.fieldNameInvalid || fault === HPACK_MALFORMED.pseudoFieldUnknown;
  return isOfName ? meta : meta & ((1 << FAULT_SHIFT) - 1);
}

export function idOf(meta: number): number {
  return meta & 0xff;
}

export function pseudoOf(meta: number): number {
  return (meta >>> 8) & 7;
}

/** A number from HPACK_MALFORMED, or 0. */
export function faultOf(meta: number): number {
  const fault = meta >>> FAULT_SHIFT;
  return fault === 0 ? 0 : fault + HPACK_TOO_LARGE;
}

export function packMeta(id: number, pseudo: number, fault: number): number {
  return id | (pseudo << 8) | (fault === 0 ? 0 : (fault - HPACK_TOO_LARGE) << FAULT_SHIFT);
}

/** The same field with a fault, unless it has one already. */
export function withFault(meta: number, fault: number): number {
  return meta >>> FAULT_SHIFT === 0 ? meta | packMeta(0, 0, fault) : meta;
}
