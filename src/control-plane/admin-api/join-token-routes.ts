/** Join tokens: given out on the owner-only unix socket alone. Being able to open that is the proof. */
import { Hono } from "hono";
import { hasCode } from "../../core/errors.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError } from "./api-error.ts";
import { readBody } from "./request-body.ts";
import { parseBody, REQUEST_SCHEMAS } from "./request-schemas.ts";

export function joinTokenRoutes(deps: AdminApiDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.post("/join-tokens", async (context) => {
    if (context.env.transport !== "unix") {
      throw apiError("forbidden", "join tokens are only given out on the unix socket", {
        hint: `use unix:${deps.info.adminSocket}`,
      });
    }
    const request = parseBody(REQUEST_SCHEMAS.JoinTokenRequest, await readBody(context.req.raw));
    const { ttlSeconds, ...identity } = request;
    context.set("audited", { details: { ...identity } });
    try {
      const token = deps.issueJoinToken(
        ttlSeconds === undefined ? identity : { ...identity, ttlSeconds },
      );
      // RFC 9111 section 5.2.2.5: a secret is not for any cache.
      context.header("cache-control", "no-store");
      return context.json(token);
    } catch (error) {
      if (hasCode(error, "spiffe-id-invalid")) throw apiError("bad_request", error.message);
      if (hasCode(error, "join-tokens-exhausted")) throw apiError("unavailable", error.message);
      throw error;
    }
  });
  return app;
}
