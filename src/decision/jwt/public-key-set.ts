/**
 * A key set as it is passed on: the usable keys of a document, and of each what verifying takes. What else an issuer
 * publishes (certificates, other purposes) would only be sent to every sidecar.
 */
import { Buffer } from "node:buffer";
import type { MetadataMap, MetadataValue } from "../dynamic-metadata.ts";
import { importKey } from "./json-web-key.ts";
import { parseKeySet } from "./json-web-key-set.ts";
import { parseJsonObject } from "./strict-json.ts";

export interface PublicKeySet {
  /** JSON, equal for equal keys in the same order. */
  readonly document: string;
  readonly keyCount: number;
  /** A sentence for each key that is left out; the only one where the document is no key set. */
  readonly problems: readonly string[];
}

/** Sets without a key. Every token of their issuer is refused. */
export const NO_KEYS = '{"keys":[]}';

const MEMBERS = ["kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y"];

export function publicKeySet(document: string | Uint8Array): PublicKeySet {
  const set = parseKeySet(document);
  if (set.kind === "error") return { document: NO_KEYS, keyCount: 0, problems: [set.message] };
  const bytes = typeof document === "string" ? Buffer.from(document, "utf8") : document;
  const entries = parseJsonObject(bytes)?.get("keys");
  const usable = Array.isArray(entries)
    ? entries.filter((entry): entry is MetadataMap => importKey(entry).kind === "key")
    : [];
  const keys = usable.map((jwk) =>
    Object.fromEntries(
      MEMBERS.flatMap((name): readonly (readonly [string, MetadataValue])[] => {
        const value = jwk.get(name);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  );
  return { document: JSON.stringify({ keys }), keyCount: keys.length, problems: set.problems };
}
