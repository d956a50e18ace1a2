/** Who asks and what they may, and the tokens that say so. */
import { Hono } from "hono";
import { hasCode } from "../../core/errors.ts";
import { MESH_CONFIG_NAME } from "../../resource/kinds/mesh-config.ts";
import { type AdminToken, TOKEN_LIFETIME_MS_DEFAULT } from "../access/admin-tokens.ts";
import { isAtLeast, OPERATOR_KINDS, ROLE_SUMMARIES } from "../access/roles.ts";
import type {
  LoginResponse,
  TokenResponse,
  TokensResponse,
  TokenView,
  WhoamiResponse,
} from "../access-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError } from "./api-error.ts";
import { isoTime } from "./iso-time.ts";
import { readBody } from "./request-body.ts";
import { parseBody, REQUEST_SCHEMAS } from "./request-schemas.ts";

export function accessRoutes(deps: AdminApiDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get("/whoami", (context) => {
    const { name, role, method, transport } = context.get("principal");
    const response: WhoamiResponse = {
      name,
      role,
      method,
      transport,
      may: ROLE_SUMMARIES[role],
      ...(isAtLeast(role, "admin")
        ? {}
        : { writableKinds: isAtLeast(role, "operator") ? [...OPERATOR_KINDS] : [] }),
    };
    return context.json(response);
  });
  app.get("/login", (context) => {
    const config = deps.objects.get("MeshConfig", "", MESH_CONFIG_NAME);
    const oidc = config?.spec.access.oidc;
    if (oidc?.clientId === undefined) {
      throw apiError("not_found", "no identity provider is configured to log in with", {
        hint: "MeshConfig spec.access.oidc with a clientId names one; a token works without",
      });
    }
    const { issuer, clientId, scopes } = oidc;
    const response: LoginResponse = { issuer, clientId, scopes };
    return context.json(response);
  });
  app.get("/tokens", (context) => {
    const tokens = deps.access.tokens
      .list()
      .map((token) => view(token, token.lastUsedMs, deps.clock.nowMs()));
    const response: TokensResponse = { tokens };
    return context.json(response);
  });
  app.post("/tokens", async (context) => {
    const body = await readBody(context.req.raw);
    const { name, role, ttlSeconds } = parseBody(REQUEST_SCHEMAS.TokenRequest, body);
    const lifetimeMs = ttlSeconds === undefined ? TOKEN_LIFETIME_MS_DEFAULT : ttlSeconds * 1000;
    const createdBy = context.get("principal").name;
    context.set("audited", { details: { token: name, role, lifetimeSeconds: lifetimeMs / 1000 } });
    const { token, record } = refusing(() =>
      deps.access.tokens.create({ name, role, lifetimeMs, createdBy }),
    );
    // RFC 9111 section 5.2.2.5: a secret is not for any cache.
    context.header("cache-control", "no-store");
    const response: TokenResponse = { ...view(record, undefined, deps.clock.nowMs()), token };
    return context.json(response);
  });
  app.delete("/tokens/:name", (context) => {
    const { name } = context.req.param();
    const token = deps.access.tokens.find(name);
    context.set("audited", { details: { token: name.slice(0, 64) } });
    if (token === undefined || !deps.access.tokens.revoke(name)) {
      throw apiError("not_found", `there is no token "${name}"`, {
        hint: "`tulle token list` shows them",
      });
    }
    return context.json(view(token, undefined, deps.clock.nowMs()));
  });
  return app;
}

function view(token: AdminToken, lastUsedMs: number | undefined, nowMs: number): TokenView {
  return {
    name: token.name,
    role: token.role,
    createdAt: isoTime(token.createdAtMs),
    createdBy: token.createdBy,
    expiresAt: isoTime(token.expiresAtMs),
    expired: nowMs >= token.expiresAtMs,
    lastUsedAt: lastUsedMs === undefined ? null : isoTime(lastUsedMs),
  };
}

function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw hasCode(error, "admin-token-refused") ? apiError("conflict", error.message) : error;
  }
}
