/** What a browser keeps for a gateway, sealed: a login that has begun, and a session. */
import type { MetadataMap } from "../dynamic-metadata.ts";
import { parseStrictJson } from "../jwt/strict-json.ts";

/** Between the way to the provider and the way back. */
export interface PendingLogin {
  /** OpenID Connect Core 1.0 section 3.1.2.1: what comes back, and what the ID token must name. */
  readonly state: string;
  readonly nonce: string;
  /** RFC 7636. */
  readonly verifier: string;
  /** Path and query of the page that was asked for. */
  readonly target: string;
  readonly expiresAtMs: number;
}

export interface Session {
  readonly idToken: string;
  /** "" where apps do not get it. */
  readonly accessToken: string;
  /** "" for none. */
  readonly refreshToken: string;
  /** Whose it is, also after a refresh. */
  readonly subject: string;
  /** When it must be refreshed, or ends. */
  readonly expiresAtMs: number;
}

export function readPendingLogin(text: string | undefined): PendingLogin | undefined {
  const map = mapOf(text);
  if (map === undefined) return undefined;
  return {
    state: textAt(map, "state"),
    nonce: textAt(map, "nonce"),
    verifier: textAt(map, "verifier"),
    target: textAt(map, "target"),
    expiresAtMs: numberAt(map, "expiresAtMs"),
  };
}

export function readSession(text: string | undefined): Session | undefined {
  const map = mapOf(text);
  if (map === undefined) return undefined;
  return {
    idToken: textAt(map, "idToken"),
    accessToken: textAt(map, "accessToken"),
    refreshToken: textAt(map, "refreshToken"),
    subject: textAt(map, "subject"),
    expiresAtMs: numberAt(map, "expiresAtMs"),
  };
}

/** What a token endpoint answers (RFC 6749 section 5.1), or undefined. */
export function readTokenAnswer(map: MetadataMap | undefined) {
  if (map === undefined) return undefined;
  const expiresIn = map.get("expires_in");
  return {
    idToken: textAt(map, "id_token"),
    accessToken: textAt(map, "access_token"),
    refreshToken: textAt(map, "refresh_token"),
    /** Undefined where it does not say. */
    expiresInS: typeof expiresIn === "number" && expiresIn > 0 ? expiresIn : undefined,
  };
}

export type TokenAnswer = NonNullable<ReturnType<typeof readTokenAnswer>>;

function mapOf(text: string | undefined): MetadataMap | undefined {
  const value = text === undefined ? undefined : parseStrictJson(text);
  return value instanceof Map ? value : undefined;
}

function textAt(map: MetadataMap, name: string): string {
  const value = map.get(name);
  return typeof value === "string" ? value : "";
}

function numberAt(map: MetadataMap, name: string): number {
  const value = map.get(name);
  return typeof value === "number" ? value : 0;
}
