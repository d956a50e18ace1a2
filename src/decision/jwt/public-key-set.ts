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

/**
 * A set without a usable key: every token of its issuer is refused. Envoy takes no listener with an empty one, so that
 * it has a key that is for something else, which Envoy does not look at; its bytes are the SHA-256 of the words "Tulle:
 * an issuer whose keys are not known", and nobody has a private key to them (lesson of CVE-2026-31837).
 */
export const NO_KEYS = JSON.stringify({
  keys: [
    {
      kty: "OKP",
      crv: "Ed25519",
      use: "enc",
      kid: "none",
      x: "ahdV0RV2tGvlW_198vx4GzILzHq2Tja-7_rfe2adWE4",
    },
  ],
});

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
  const usableDocument = keys.length === 0 ? NO_KEYS : JSON.stringify({ keys });
  return { document: usableDocument, keyCount: keys.length, problems: set.problems };
}
