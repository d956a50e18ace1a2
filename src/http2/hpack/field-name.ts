/** What a name that came as a literal is: its number, or its pseudo-header field. */
import {
  candidateId,
  HEADER_HASH_SEED,
  HEADER_UNKNOWN,
  hashStep,
  isKnownName,
} from "../../http/header-name.ts";
import { NAME_BAD } from "./field-bytes.ts";
import { packMeta } from "./field-meta.ts";
import { PSEUDO } from "./field-section.ts";
import { HPACK_MALFORMED } from "./hpack-error.ts";

const COLON = 0x3a;
const PSEUDO_NAMES = Object.entries(PSEUDO)
  .filter(([name]) => name !== "unknown")
  .map(([name, kind]) => ({ bytes: `:${name}`, kind }));

/** `classes` are those of all bytes or-ed, as in `FIELD_BYTE`. */
export function metaOfName(bytes: Uint8Array, start: number, end: number, classes: number): number {
  if (end > start && bytes[start] === COLON) return metaOfPseudo(bytes, start, end);
  if (end === start || (classes & NAME_BAD) !== 0) {
    return packMeta(HEADER_UNKNOWN, 0, HPACK_MALFORMED.fieldNameInvalid);
  }
  let hash = HEADER_HASH_SEED;
  for (let i = start; i < end; i++) hash = hashStep(hash, bytes[i]!);
  const id = candidateId(hash);
  // Hashes are not proof (T19).
  return id !== HEADER_UNKNOWN && isKnownName(id, bytes, start, end) ? id : HEADER_UNKNOWN;
}

/** RFC 9113 section 8.3: other pseudo-header fields make a message malformed. */
function metaOfPseudo(bytes: Uint8Array, start: number, end: number): number {
  for (const name of PSEUDO_NAMES) {
    if (isText(bytes, start, end, name.bytes)) return packMeta(HEADER_UNKNOWN, name.kind, 0);
  }
  return packMeta(HEADER_UNKNOWN, PSEUDO.unknown, HPACK_MALFORMED.pseudoFieldUnknown);
}

function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}
