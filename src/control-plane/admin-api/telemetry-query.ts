/** The query that endpoints of telemetry have in common: a window of time, a namespace, a service. */
import type { Context } from "hono";
import { durationMs, parseDuration } from "../../resource/duration.ts";
import type { TelemetryWindow } from "../telemetry-types.ts";
import { apiError } from "./api-error.ts";
import { parseInteger } from "./request-schemas.ts";

const WINDOW_DEFAULT = "15m";
const WINDOW_MS = { min: 5_000, max: 30 * 86_400_000 };

export interface AskedWindow {
  readonly fromMs: number;
  /** Not after now. */
  readonly toMs: number;
  /** Undefined: all. */
  readonly namespace: string | undefined;
  /** Of `namespace`, or of `default` where none is asked for. */
  readonly service: string | undefined;
}

/** Throws an API error. */
export function windowFrom({ req }: Context, nowMs: number): AskedWindow {
  const { since, from, to, namespace, service } = req.query();
  const toMs = Math.min(to === undefined ? nowMs : instantFrom(to, "to"), nowMs);
  const fromMs =
    from === undefined ? toMs - sinceFrom(since ?? WINDOW_DEFAULT) : instantFrom(from, "from");
  if (from !== undefined && since !== undefined) {
    throw apiError("bad_request", "since and from cannot be used together");
  }
  if (toMs - fromMs < WINDOW_MS.min || toMs - fromMs > WINDOW_MS.max) {
    throw apiError("bad_request", "the window must be from 5 seconds to 30 days long");
  }
  return { fromMs, toMs, namespace, service };
}

/** `?service=` is a mistake and not everybody's figures. Throws an API error. */
export function refuseEmptyValues({ req }: Context): void {
  for (const [name, values] of Object.entries(req.queries())) {
    if (!values.includes("")) continue;
    throw apiError("bad_request", `${name} has no value`, { hint: `leave out ${name} for all` });
  }
}

export function windowView({
  fromMs,
  toMs,
  stepMs,
}: {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}): TelemetryWindow {
  return {
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    stepSeconds: stepMs / 1000,
  };
}

export function limitFrom({ req }: Context, standard: number, max: number): number {
  const limit = req.query("limit");
  return limit === undefined ? standard : parseInteger(limit, "limit", { min: 1, max });
}

/** Milliseconds, which may have a fraction. */
export function millisecondsFrom({ req }: Context, name: string): number | undefined {
  const text = req.query(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text !== "" && value >= 0 && Number.isFinite(value)) return value;
  throw apiError("bad_request", `${name}: "${text}" is no number of milliseconds`);
}

function sinceFrom(text: string): number {
  const isDays = /^\d{1,3}d$/.test(text);
  const ms = isDays ? durationMs(`${Number(text.slice(0, -1)) * 24}h`) : parseDuration(text);
  if (ms !== undefined) return ms;
  throw apiError("bad_request", `since: "${text}" is no duration`, {
    hint: "write it as 15m, 1h or 7d",
  });
}

function instantFrom(text: string, name: string): number {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw apiError("bad_request", `${name}: "${text}" is no instant`, {
    hint: "write it as 2026-11-26T08:00:00Z",
  });
}
