/** Changes of the store as server-sent events (HTML, section 9.2), resumable by revision. */
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { KindName } from "../../resource/kind-map.ts";
import { keyOf } from "../../resource/object.ts";
import type { WatchEvent } from "../../store/store.ts";
import { isAtLeast, readerOf } from "../access/roles.ts";
import type { WatchEventData } from "../api-types.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiErrorResponse } from "./api-error.ts";
import { parseInteger } from "./request-schemas.ts";
import { kindOf, resourceObject } from "./resource-routes.ts";

export function watchRoutes(deps: AdminApiDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get("/watch", (context) => {
    const kind = context.req.query("kind");
    const { role } = context.get("principal");
    const kinds = kind === undefined ? {} : { kinds: [kindOf(deps, kind).kind as KindName] };
    const from = context.req.header("last-event-id") ?? context.req.query("fromRevision");
    const fromRevision =
      from === undefined
        ? deps.store.revision()
        : parseInteger(from, "fromRevision", { min: 0, max: Number.MAX_SAFE_INTEGER });
    const closed = new AbortController();
    const signal = AbortSignal.any([deps.stopping, closed.signal]);
    return streamSSE(context, async (stream) => {
      stream.onAbort(() => closed.abort());
      try {
        await stream.writeSSE(bookmark(fromRevision));
        for await (const events of deps.store.watch({ fromRevision, signal, ...kinds })) {
          for (const event of events) {
            // What a role may not read does not happen for it.
            if (!isAtLeast(role, readerOf(event.object.kind))) continue;
            await stream.writeSSE(eventMessage(event));
          }
        }
      } catch (error) {
        // The status line is long gone: the error travels as the last event.
        const data = JSON.stringify(apiErrorResponse(error).body);
        await stream.writeSSE({ event: "error", data });
      }
    });
  });
  return app;
}

function eventMessage(event: WatchEvent) {
  const data: WatchEventData = {
    revision: event.revision,
    key: keyOf(event.object),
    object: event.type === "delete" ? null : resourceObject(event.object),
  };
  return { event: event.type, id: String(event.revision), data: JSON.stringify(data) };
}

function bookmark(revision: number) {
  const data: WatchEventData = { revision, key: null, object: null };
  return { event: "bookmark", id: String(revision), data: JSON.stringify(data) };
}
