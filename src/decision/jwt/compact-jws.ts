/**
 * A signed token in compact form (RFC 7515 section 7.1), taken apart but not believed: its header says what it claims to
 * be signed with. What points to keys elsewhere (`jku`, `x5u`, `jwk`, `x5c`) is never looked at (RFC 8725 section 3.10).
 * Encrypted tokens have five parts and are refused.
 */
import type { Buffer } from "node:buffer";
import { JWT_BYTES_MAX } from "../../core/limits.ts";
import type { MetadataMap } from "../dynamic-metadata.ts";
import { algorithmNamed, type SignatureAlgorithm } from "./algorithm.ts";
import { decodeBase64url } from "./base64url.ts";
import { JWT_FAILURE, type JwtFailure } from "./failure.ts";
import { parseJsonObject } from "./strict-json.ts";

export interface CompactJws {
  readonly kind: "jws";
  readonly header: MetadataMap;
  readonly algorithm: SignatureAlgorithm;
  /** Undefined where the header names no key. */
  readonly keyId: string | undefined;
  /** What is signed: header and payload as they came, with the dot between them. */
  readonly signedText: string;
  /** The payload as it came. */
  readonly payloadText: string;
  readonly payload: Buffer;
  readonly signature: Buffer;
}

const DOT = ".";

export function parseCompactJws(token: string): CompactJws | JwtFailure {
  if (token.length > JWT_BYTES_MAX) return JWT_FAILURE.tooLong;
  const first = token.indexOf(DOT);
  const second = token.indexOf(DOT, first + 1);
  if (first <= 0 || second < 0 || token.indexOf(DOT, second + 1) >= 0) return JWT_FAILURE.badForm;
  // RFC 7515 section 3.1: an unsecured token, which nothing here accepts.
  if (second === token.length - 1) return JWT_FAILURE.badForm;
  const head = parseHeader(token, first);
  if (head.kind === "failure") return head;
  const payload = decodeBase64url(token, first + 1, second);
  if (payload === undefined) return JWT_FAILURE.payloadBase64;
  const signature = decodeBase64url(token, second + 1);
  if (signature === undefined) return JWT_FAILURE.signatureBase64;
  const { header, algorithm, keyId } = head;
  const signedText = token.slice(0, second);
  const payloadText = token.slice(first + 1, second);
  return { kind: "jws", header, algorithm, keyId, signedText, payloadText, payload, signature };
}

type Header = { readonly kind: "header" } & Pick<CompactJws, "header" | "algorithm" | "keyId">;

function parseHeader(token: string, end: number): Header | JwtFailure {
  const bytes = decodeBase64url(token, 0, end);
  if (bytes === undefined) return JWT_FAILURE.headerBase64;
  const header = parseJsonObject(bytes);
  if (header === undefined) return JWT_FAILURE.headerJson;
  const name = header.get("alg");
  if (typeof name !== "string") return JWT_FAILURE.noAlgorithm;
  const algorithm = algorithmNamed(name);
  if (algorithm === undefined) return JWT_FAILURE.algorithm;
  const keyId = header.get("kid");
  if (keyId !== undefined && typeof keyId !== "string") return JWT_FAILURE.badKeyId;
  // RFC 7515 section 4.1.11: extensions that must be understood. None is.
  if (header.has("crit")) return JWT_FAILURE.critical;
  // RFC 7797 section 3: it must be critical where it is used, and changes what is signed.
  if (header.has("b64")) return JWT_FAILURE.unencodedPayload;
  return { kind: "header", header, algorithm, keyId };
}
