/**
 * Finds out who asks, from a request's head and its connection alone: nothing of a body is read before. What is shown
 * and is not good is refused, however much the way it came would have allowed without it.
 */
import type { PeerVerdict } from "../../identity/peer-verifier.ts";
import type { AdminRole } from "../access-types.ts";
import type { AdminTokens } from "./admin-tokens.ts";
import type { Principal, Transport } from "./principal.ts";

/** RFC 6750 section 2.1; longer than any token of ours or of an issuer that is read. */
const AUTHORIZATION_LENGTH_MAX = 12 * 1024;

/** What a client shows. */
export interface Credentials {
  readonly transport: Transport;
  readonly address: string;
  readonly authorization: string | undefined;
  /** What its certificate proved, on TLS. */
  readonly peer: PeerVerdict | undefined;
}

export type Authentication =
  | { readonly ok: true; readonly principal: Principal }
  | {
      readonly ok: false;
      readonly method: "none" | "token" | "oidc" | "certificate";
      /** Of a refused certificate. */
      readonly code?: string;
      readonly reason: string;
    };

/** Reads tokens of an identity provider. */
export interface UserTokens {
  /** Whether an issuer is configured. */
  readonly isConfigured: boolean;
  verify(
    jwt: string,
  ): Promise<
    | { readonly ok: true; readonly name: string; readonly role: AdminRole }
    | { readonly ok: false; readonly reason: string }
  >;
}

/** What MeshConfig says of who may ask. */
export interface AccessSettings {
  /** Whether a client on loopback that shows nothing may read. */
  readonly isAnonymousViewer: boolean;
  /** Roles of mesh identities. */
  roleOfIdentity(spiffeId: string): AdminRole | undefined;
}

export interface AuthenticatorOptions {
  readonly tokens: AdminTokens;
  readonly users: UserTokens;
  readonly settings: AccessSettings;
}

export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  async authenticate(credentials: Credentials): Promise<Authentication> {
    const { authorization, transport, address, peer } = credentials;
    if (authorization !== undefined)
      return await this.#bearer(authorization, { transport, address });
    if (transport === "unix") {
      // Being able to open an owner-only socket is the proof.
      return allow({
        name: "local user",
        role: "admin",
        method: "unix-socket",
        transport,
        address,
      });
    }
    if (peer?.ok === true) {
      const role = this.#options.settings.roleOfIdentity(peer.spiffeId);
      if (role === undefined) {
        const reason = `${peer.spiffeId} has no role here: MeshConfig spec.access.identities gives one`;
        return { ok: false, method: "certificate", reason };
      }
      return allow({ name: peer.spiffeId, role, method: "certificate", transport, address });
    }
    if (peer !== undefined && peer.code !== "no-certificate") {
      return {
        ok: false,
        method: "certificate",
        code: peer.code,
        reason: `the client certificate was refused: ${peer.reason}`,
      };
    }
    if (transport === "tcp" && this.#options.settings.isAnonymousViewer) {
      return allow({ name: "anonymous", role: "viewer", method: "anonymous", transport, address });
    }
    const how =
      transport === "tls" ? "a token or a client certificate is needed" : "a token is needed";
    return { ok: false, method: "none", reason: how };
  }

  async #bearer(
    authorization: string,
    way: Pick<Principal, "transport" | "address">,
  ): Promise<Authentication> {
    const token = bearerToken(authorization);
    if (token === undefined) {
      return { ok: false, method: "token", reason: "the Authorization header is no bearer token" };
    }
    const { tokens, users } = this.#options;
    if (!token.startsWith("tulle_") && users.isConfigured) {
      const verdict = await users.verify(token);
      if (!verdict.ok) return { ok: false, method: "oidc", reason: verdict.reason };
      return allow({ name: verdict.name, role: verdict.role, method: "oidc", ...way });
    }
    const verdict = tokens.verify(token);
    if (!verdict.ok) return { ok: false, method: "token", reason: verdict.reason };
    const { name, role } = verdict.token;
    return allow({ name: `token ${name}`, role, method: "token", ...way });
  }
}

function allow(principal: Principal): Authentication {
  return { ok: true, principal };
}

/** RFC 6750 section 2.1. The scheme may be in any case. */
function bearerToken(authorization: string): string | undefined {
  if (authorization.length > AUTHORIZATION_LENGTH_MAX) return undefined;
  return /^bearer +([\w.~+/-]+=*) *$/i.exec(authorization)?.[1];
}
