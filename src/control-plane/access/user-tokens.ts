/**
 * Users of an identity provider: reads the bearer tokens of the issuer that MeshConfig names. Its keys are found by
 * discovery and kept; a token can cause a fetch at most every half minute.
 */
import { createLocalJWKSet, type JWTPayload, jwtVerify } from "jose";
import type { Clock } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import {
  defaultMeshConfigSpec,
  MESH_CONFIG_NAME,
  type MeshConfigSpec,
} from "../../resource/kinds/mesh-config.ts";
import { EgressGuard } from "../jwks/egress-guard.ts";
import { fetchKeys } from "../jwks/fetch-keys.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { UserTokens } from "./authenticator.ts";
import { ADMIN_ROLES } from "./roles.ts";

/** RFC 8725 section 3.1: what is accepted is fixed. None is symmetric: the keys are public. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "EdDSA",
];
/** Between two fetches of keys. */
const FETCH_INTERVAL_MS = 30_000;
/** Keys are fetched again after so long, so that one that was withdrawn is not trusted for ever. */
const KEYS_AGE_MS_MAX = 600_000;
const FETCH_TIMEOUT_MS = 5_000;
/** RFC 7519 section 4.1.4: a few minutes at most. */
const CLOCK_TOLERANCE_S = 60;
const NAME_LENGTH_MAX = 256;

type Oidc = NonNullable<MeshConfigSpec["access"]["oidc"]>;
type Verdict = Awaited<ReturnType<UserTokens["verify"]>>;

interface Keys {
  readonly issuer: string;
  readonly resolve: ReturnType<typeof createLocalJWKSet>;
  readonly fetchedAtMs: number;
}

export class OidcUserTokens implements UserTokens {
  readonly #objects: ObjectCache;
  readonly #clock: Clock;
  readonly #log: Logger;
  #keys: Keys | undefined;
  #fetching: Promise<void> | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #triedIssuer = "";

  constructor(deps: {
    readonly objects: ObjectCache;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    this.#objects = deps.objects;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  get isConfigured(): boolean {
    return this.#spec.access.oidc !== undefined;
  }

  async verify(jwt: string): Promise<Verdict> {
    const { oidc } = this.#spec.access;
    if (oidc === undefined) return refuse("no identity provider is configured");
    const age = this.#clock.nowMs() - (this.#keys?.fetchedAtMs ?? 0);
    if (this.#keys?.issuer !== oidc.issuer || age > KEYS_AGE_MS_MAX) await this.#fetch(oidc.issuer);
    const first = await this.#judge(jwt, oidc);
    if (first !== "unknown-key") return first;
    await this.#fetch(oidc.issuer);
    const second = await this.#judge(jwt, oidc);
    return second === "unknown-key"
      ? refuse(`the token is signed with a key that ${oidc.issuer} does not have`)
      : second;
  }

  async #judge(jwt: string, oidc: Oidc): Promise<Verdict | "unknown-key"> {
    const keys = this.#keys;
    if (keys?.issuer !== oidc.issuer) return refuse(`the keys of ${oidc.issuer} are not known yet`);
    try {
      const { payload } = await jwtVerify(jwt, keys.resolve, {
        issuer: oidc.issuer,
        audience: [...oidc.audiences, ...(oidc.clientId === undefined ? [] : [oidc.clientId])],
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(this.#clock.nowMs()),
        requiredClaims: ["exp", "sub"],
      });
      return roleOf(payload, oidc);
    } catch (error) {
      const code = (error as { readonly code?: unknown }).code;
      if (code === "ERR_JWKS_NO_MATCHING_KEY") return "unknown-key";
      // jose's messages name claims, never the token.
      return refuse(`the token is not good: ${messageOf(error)}`);
    }
  }

  async #fetch(issuer: string): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#fetching !== undefined) return await this.#fetching;
    if (issuer === this.#triedIssuer && nowMs - this.#triedAtMs < FETCH_INTERVAL_MS) return;
    this.#triedAtMs = nowMs;
    this.#triedIssuer = issuer;
    this.#fetching = this.#fetchNow(issuer).finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  async #fetchNow(issuer: string): Promise<void> {
    const guard = new EgressGuard(this.#spec.fetching.allowedAddresses);
    const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
    const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    try {
      const source = { key: issuer, url, issuer };
      const document = await fetchKeys(source, { timeoutMs: FETCH_TIMEOUT_MS, guard, signal });
      const resolve = createLocalJWKSet(JSON.parse(document));
      this.#keys = { issuer, resolve, fetchedAtMs: this.#clock.nowMs() };
    } catch (error) {
      // What was fetched before holds on.
      this.#log.warn("keys of the users' issuer cannot be fetched", {
        issuer,
        error: messageOf(error),
      });
    }
  }

  get #spec(): MeshConfigSpec {
    const config = this.#objects.get("MeshConfig", "", MESH_CONFIG_NAME);
    return config?.spec ?? defaultMeshConfigSpec();
  }
}

function roleOf(payload: JWTPayload, oidc: Oidc): Verdict {
  const claim = payload[oidc.roleClaim];
  const values = new Set(Array.isArray(claim) ? claim : [claim]);
  const roles = oidc.roles.filter(({ value }) => values.has(value)).map(({ role }) => role);
  const role = ADMIN_ROLES.findLast((one) => roles.some((given) => given.toLowerCase() === one));
  const called = payload[oidc.nameClaim];
  const name = (typeof called === "string" ? called : (payload.sub ?? "")).slice(
    0,
    NAME_LENGTH_MAX,
  );
  if (role === undefined) {
    return refuse(`no value of the claim ${oidc.roleClaim} gives ${name} a role here`);
  }
  return { ok: true, name, role };
}

function refuse(reason: string): Verdict {
  return { ok: false, reason };
}
