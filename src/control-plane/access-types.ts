/** The admin API's types about access: roles, tokens, who asks. Types only. Instants are ISO 8601 in UTC. */

export type AdminRole = "viewer" | "operator" | "admin";

/** How a client proved who it is. `anonymous`: it did not, and came over loopback. */
export type AccessMethod = "unix-socket" | "anonymous" | "token" | "oidc" | "certificate";

// ---- GET /api/v1/whoami ----

export interface WhoamiResponse {
  /** `local user`, `token ci`, `alice@example.com`, `spiffe://…`. */
  readonly name: string;
  readonly role: AdminRole;
  readonly method: AccessMethod;
  readonly transport: "unix" | "tcp" | "tls";
  /** What the role may do, in a sentence. */
  readonly may: string;
  /** Kinds that the role may change; absent when all. */
  readonly writableKinds?: readonly string[];
}

// ---- GET|POST /api/v1/tokens, DELETE /api/v1/tokens/{name} ----

export interface TokenRequest {
  /** Lower-case letters, digits, dashes and dots; none that is in use. */
  readonly name: string;
  readonly role: AdminRole;
  /** 60 to 31,536,000 (a year). Default 28,800: eight hours. */
  readonly ttlSeconds?: number;
}

export interface TokenView {
  readonly name: string;
  readonly role: AdminRole;
  readonly createdAt: string;
  /** Who made it. */
  readonly createdBy: string;
  readonly expiresAt: string;
  readonly expired: boolean;
  /** Since the control plane started; null when it was not used. */
  readonly lastUsedAt: string | null;
}

/** The only time that the token itself is shown. */
export interface TokenResponse extends TokenView {
  readonly token: string;
}

export interface TokensResponse {
  /** By name. */
  readonly tokens: readonly TokenView[];
}

// ---- GET /api/v1/login ----

/** What a client needs to log a user in. Nothing of it is secret. */
export interface LoginResponse {
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
}
