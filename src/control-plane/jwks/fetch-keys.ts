/** Fetches the keys of an issuer: from where they are, or from where its discovery document says that they are. */
import { JWKS_BYTES_MAX } from "../../core/limits.ts";
import { publicKeySet } from "../../decision/jwt/public-key-set.ts";
import { parseJsonObject } from "../../decision/jwt/strict-json.ts";
import type { KeySource } from "../../translate/jwt/key-source.ts";
import { type FetchLimits, fetchDocument } from "./guarded-fetch.ts";

/** A key set with at least one usable key, as sidecars get it. Rejects with an Error that says what went wrong. */
export async function fetchKeys(
  { url, issuer }: KeySource,
  bounds: Omit<FetchLimits, "sizeBytesMax">,
): Promise<string> {
  const limits = { ...bounds, sizeBytesMax: JWKS_BYTES_MAX };
  const keysUrl =
    issuer === undefined ? url : keysUrlOf(await fetchDocument(url, limits), url, issuer);
  const { document, keyCount, problems } = publicKeySet(await fetchDocument(keysUrl, limits));
  if (keyCount > 0) return document;
  const why = problems.length === 0 ? "it is empty" : problems.slice(0, 3).join("; ");
  throw new Error(`no usable key in ${keysUrl}: ${why}`);
}

/** OpenID Connect Discovery 1.0 section 4.3: the document must name the issuer that was asked for. */
function keysUrlOf(document: Buffer, url: string, issuer: string): string {
  const configuration = parseJsonObject(document);
  if (configuration === undefined) throw new Error(`${url} is no JSON object`);
  const named = configuration.get("issuer");
  if (named !== issuer) {
    throw new Error(`${url} names the issuer ${JSON.stringify(named ?? null)}, not this one`);
  }
  const keysUrl = configuration.get("jwks_uri");
  const parsed = typeof keysUrl === "string" ? URL.parse(keysUrl) : null;
  if (parsed?.protocol !== "https:" && parsed?.protocol !== "http:") {
    throw new Error(`${url} has no jwks_uri that is a URL`);
  }
  // What came by TLS must not send elsewhere without it.
  if (url.startsWith("https:") && parsed.protocol !== "https:") {
    throw new Error(`${url} has a jwks_uri without TLS`);
  }
  return parsed.href;
}
