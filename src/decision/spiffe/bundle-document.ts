/**
 * SPIFFE bundles as documents (SPIFFE Trust Domain and Bundle, section 4): a JSON Web Key Set with the roots and the keys
 * for tokens of one trust domain, and the map of several domains that sidecars get. Read strictly: a member that stands
 * twice is refused, and a set without a usable key trusts nothing.
 */
import { Buffer } from "node:buffer";
import { messageOf } from "../../core/errors.ts";
import { SPIFFE_BUNDLE_BYTES_MAX, SPIFFE_BUNDLE_KEYS_MAX } from "../../core/limits.ts";
import { parseCertificate } from "../../identity/certificate.ts";
import { keyObjectOf } from "../../identity/public-key.ts";
import { type TrustBundle, trustBundleFromDer } from "../../identity/trust-bundle.ts";
import type { MetadataMap, MetadataValue } from "../dynamic-metadata.ts";
import { importKey, type VerificationKey } from "../jwt/json-web-key.ts";
import { parseJsonObject } from "../jwt/strict-json.ts";

/** The name under which sidecars get the bundles of all trust domains, by SDS. */
export const SPIFFE_BUNDLES_SECRET = "tulle-spiffe-bundles";

/** A public key for tokens, as a document holds it. */
export type PublicJwk = Readonly<Record<string, string>>;

export interface JwtAuthorityKey {
  /** With `kid` and without `use`: what any reader of a key set takes. */
  readonly jwk: PublicJwk;
  readonly key: VerificationKey;
}

export interface SpiffeBundle {
  readonly kind: "bundle";
  readonly x509: TrustBundle;
  readonly jwtKeys: readonly JwtAuthorityKey[];
  /** Grows with each change. Undefined where the document says none. */
  readonly sequence: bigint | undefined;
  /** How often it is worth asking, in seconds. Undefined where the document says nothing. */
  readonly refreshHintS: number | undefined;
  /** A sentence for each entry that is passed over. */
  readonly problems: readonly string[];
}

/** What is wrong with a document, as the end of "the bundle cannot be used: ". */
export interface BundleError {
  readonly kind: "error";
  readonly message: string;
}

/** What `formatBundleDocument` writes. */
export interface BundleContents {
  readonly rootsDer: readonly Uint8Array[];
  readonly jwtKeys: readonly PublicJwk[];
  readonly sequence?: bigint | undefined;
  readonly refreshHintS?: number | undefined;
}

const KEY_MEMBERS = ["kty", "kid", "crv", "x", "y", "n", "e", "alg"];
/** JWT-SVID section 2: the algorithms of SPIFFE. EdDSA is not among them. */
const KEY_TYPES = ["EC", "RSA"];
const UINT64_MAX = 2n ** 64n - 1n;

/** The document of one trust domain. */
export function parseBundleDocument(
  document: string | Uint8Array,
  trustDomain: string,
): SpiffeBundle | BundleError {
  const bytes = typeof document === "string" ? Buffer.from(document, "utf8") : document;
  if (bytes.length > SPIFFE_BUNDLE_BYTES_MAX) {
    return error(`it has ${bytes.length} bytes, ${SPIFFE_BUNDLE_BYTES_MAX} are allowed`);
  }
  const set = parseJsonObject(bytes);
  if (set === undefined) return error("it is no JSON object, or a member stands in it twice");
  const sequence = exactInteger(Buffer.from(bytes).toString("utf8"), set, "spiffe_sequence");
  if (sequence === null) return error("spiffe_sequence is no number from 0 to 2^64 - 1");
  return bundleOf(set, trustDomain, sequence);
}

/** The documents of several trust domains in one: `{"trust_domains": {"example.org": {"keys": …}}}`. */
export function parseBundleMap(text: string): ReadonlyMap<string, SpiffeBundle> | BundleError {
  const map = parseJsonObject(Buffer.from(text, "utf8"))?.get("trust_domains");
  if (!(map instanceof Map)) {
    return error("it is no object with trust_domains, or a member stands in it twice");
  }
  const bundles = new Map<string, SpiffeBundle>();
  for (const [trustDomain, value] of map as MetadataMap) {
    const bundle =
      value instanceof Map ? bundleOf(value, trustDomain, undefined) : error("is no object");
    if (bundle.kind === "error") return error(`trust_domains.${trustDomain}: ${bundle.message}`);
    bundles.set(trustDomain, bundle);
  }
  return bundles;
}

/** The same text for the same contents. */
export function formatBundleDocument(contents: BundleContents): string {
  const { sequence } = contents;
  const text = JSON.stringify(documentOf(contents));
  // A number of 64 bits: no double holds it.
  return sequence === undefined ? text : `${text.slice(0, -1)},"spiffe_sequence":${sequence}}`;
}

/** The map that sidecars get. Sequences and hints are left out: who sends it knows what is newer. */
export function formatBundleMap(bundles: ReadonlyMap<string, BundleContents>): string {
  const domains = [...bundles].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({
    trust_domains: Object.fromEntries(
      domains.map(([name, { rootsDer, jwtKeys }]) => [name, documentOf({ rootsDer, jwtKeys })]),
    ),
  });
}

/** Keys for tokens as a plain key set (RFC 7517), which is what readers of the Workload API expect. */
export function formatKeySet(keys: readonly JwtAuthorityKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}

function documentOf({ rootsDer, jwtKeys, refreshHintS }: BundleContents) {
  return {
    keys: [...rootsDer.map(x509Entry), ...jwtKeys.map((jwk) => ({ use: "jwt-svid", ...jwk }))],
    ...(refreshHintS === undefined ? {} : { spiffe_refresh_hint: refreshHintS }),
  };
}

/** Readers of SPIFFE look at `x5c` alone (X509-SVID section 6.2); RFC 7517 wants the key itself beside it. */
function x509Entry(der: Uint8Array) {
  const bytes = Buffer.from(der);
  const publicKey = keyObjectOf(parseCertificate(bytes).publicKey);
  return {
    use: "x509-svid",
    ...publicKey?.export({ format: "jwk" }),
    x5c: [bytes.toString("base64")],
  };
}

function bundleOf(
  set: MetadataMap,
  trustDomain: string,
  sequence: bigint | undefined,
): SpiffeBundle | BundleError {
  const entries = set.get("keys");
  if (!Array.isArray(entries)) return error('it has no list "keys"');
  if (entries.length > SPIFFE_BUNDLE_KEYS_MAX) {
    return error(`it has ${entries.length} keys, ${SPIFFE_BUNDLE_KEYS_MAX} are allowed`);
  }
  const refreshHintS = set.get("spiffe_refresh_hint");
  if (refreshHintS !== undefined && !isSeconds(refreshHintS)) {
    return error("spiffe_refresh_hint is no number of seconds");
  }
  const rootsDer: Buffer[] = [];
  const jwtKeys: JwtAuthorityKey[] = [];
  const problems: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const read = readEntry(entry, trustDomain);
    if (typeof read === "string") problems.push(`keys[${index}]: ${read}`);
    else if (read === undefined) continue;
    else if ("jwk" in read) jwtKeys.push(read);
    else rootsDer.push(read);
  }
  const x509 = trustBundleFromDer(trustDomain, rootsDer);
  return { kind: "bundle", x509, jwtKeys, sequence, refreshHintS, problems };
}

/** A root, a key for tokens, a sentence about what is wrong, or undefined for what is for others (section 4.2.2). */
function readEntry(
  entry: MetadataValue,
  trustDomain: string,
): Buffer | JwtAuthorityKey | string | undefined {
  if (!(entry instanceof Map)) return "it is no object";
  const jwk: MetadataMap = entry;
  switch (jwk.get("use")) {
    case "x509-svid":
      return readRoot(jwk, trustDomain);
    case "jwt-svid":
      return readJwtKey(jwk);
    default:
      return undefined;
  }
}

/** X509-SVID section 6.2: one certificate in `x5c`, in base64 and not base64url (RFC 7517 section 4.7); no `kid`. */
function readRoot(jwk: MetadataMap, trustDomain: string): Buffer | string {
  if (jwk.has("kid")) return "a root has no kid";
  const chain = jwk.get("x5c");
  const [first] = Array.isArray(chain) ? chain : [];
  if (typeof first !== "string" || !isBase64(first)) return "x5c holds no certificate in base64";
  const der = Buffer.from(first, "base64");
  try {
    trustBundleFromDer(trustDomain, [der]);
    return der;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** JWT-SVID section 6.2: found by `kid`. `use` is taken away: to readers of JWKs it says something else. */
function readJwtKey(jwk: MetadataMap): JwtAuthorityKey | string | undefined {
  if (typeof jwk.get("kid") !== "string" || jwk.get("kid") === "") return "it has no kid";
  if (!KEY_TYPES.includes(String(jwk.get("kty")))) return undefined;
  const key = importKey(new Map([...jwk].filter(([name]) => name !== "use")));
  if (key.kind === "problem") return key.message;
  const members = KEY_MEMBERS.flatMap((name): (readonly [string, string])[] => {
    const value = jwk.get(name);
    return typeof value === "string" ? [[name, value]] : [];
  });
  return { jwk: Object.fromEntries(members), key };
}

/**
 * A number of 64 bits at the top of a text that was read already: doubles would make two sequences one. Null for what
 * is no such number.
 */
function exactInteger(text: string, set: MetadataMap, name: string): bigint | null | undefined {
  if (!set.has(name)) return undefined;
  if (typeof set.get(name) !== "number") return null;
  const sources = new Map<unknown, string>();
  const root: unknown = JSON.parse(
    text,
    function keep(this: unknown, key, value, context?: { readonly source?: string }) {
      if (key === name) sources.set(this, context?.source ?? "");
      return value as unknown;
    },
  );
  const source = sources.get(root) ?? "";
  if (!/^\d{1,20}$/.test(source)) return null;
  const value = BigInt(source);
  return value <= UINT64_MAX ? value : null;
}

function isSeconds(value: MetadataValue): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function isBase64(text: string): boolean {
  return text.length > 0 && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

function error(message: string): BundleError {
  return { kind: "error", message };
}
