/**
 * A JSON Web Key Set (RFC 7517 section 5): the keys of it that can be used. One that cannot is passed over and told of,
 * since the others are what users log in with.
 */
import { Buffer } from "node:buffer";
import { JWKS_BYTES_MAX, JWKS_KEYS_MAX } from "../../core/limits.ts";
import { importKey, type VerificationKey } from "./json-web-key.ts";
import { parseJsonObject } from "./strict-json.ts";

export interface KeySet {
  readonly kind: "keys";
  readonly keys: readonly VerificationKey[];
  /** A sentence for each key that is not used. */
  readonly problems: readonly string[];
}

/** A sentence about what is no key set at all. */
export interface KeySetError {
  readonly kind: "error";
  readonly message: string;
}

export function parseKeySet(document: string | Uint8Array): KeySet | KeySetError {
  const bytes = typeof document === "string" ? Buffer.from(document, "utf8") : document;
  if (bytes.length > JWKS_BYTES_MAX) {
    return error(`it has ${bytes.length} bytes, ${JWKS_BYTES_MAX} are allowed`);
  }
  const set = parseJsonObject(bytes);
  if (set === undefined) {
    return error("it is no JSON object, or a member stands in it twice");
  }
  const entries = set.get("keys");
  if (!Array.isArray(entries)) return error('it has no list "keys"');
  if (entries.length > JWKS_KEYS_MAX) {
    return error(`it has ${entries.length} keys, ${JWKS_KEYS_MAX} are allowed`);
  }
  const keys: VerificationKey[] = [];
  const problems: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const imported = importKey(entry);
    if (imported.kind === "key") keys.push(imported);
    else problems.push(`keys[${index}]: ${imported.message}`);
  }
  return { kind: "keys", keys, problems };
}

function error(message: string): KeySetError {
  return { kind: "error", message };
}
