/** Sessions that stay with their endpoint: where a request says which one, compiled from Envoy's StatefulSession. */
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type StatefulSession,
  StatefulSessionPerRouteSchema,
  StatefulSessionSchema,
} from "../../gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js";
import {
  type CookieBasedSessionState,
  CookieBasedSessionStateSchema,
} from "../../gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.js";
import { HeaderBasedSessionStateSchema } from "../../gen/envoy/extensions/http/stateful_session/header/v3/header_pb.js";
import type { CookieAttributes } from "../../http/cookie.ts";
import { HeaderName } from "../../http/header-field.ts";
import { checkCookieText } from "../cookie-text.ts";
import { compileDuration } from "../duration.ts";
import type { FieldError } from "../field-error.ts";

export interface StatefulSessionRule {
  readonly kind: "stateful-session";
  /** Undefined where there are no sessions. */
  readonly state: SessionState | undefined;
  /** A session whose endpoint is gone gets no other. */
  readonly isStrict: boolean;
}

export type SessionState = SessionCookie | SessionHeader;

export interface SessionCookie {
  readonly kind: "cookie";
  readonly name: string;
  readonly written: CookieAttributes;
}

export interface SessionHeader {
  readonly kind: "header";
  readonly name: HeaderName;
}

const NO_SESSIONS: StatefulSessionRule = {
  kind: "stateful-session",
  state: undefined,
  isStrict: false,
};

export function compileStatefulSession(
  config: Any,
  path: string,
  errors: FieldError[],
): StatefulSessionRule | undefined {
  const message = anyUnpack(config, StatefulSessionSchema);
  return message === undefined ? undefined : compileRule(message, path, errors);
}

export function compileStatefulSessionOfRoute(
  config: Any,
  path: string,
  errors: FieldError[],
): StatefulSessionRule | undefined {
  const message = anyUnpack(config, StatefulSessionPerRouteSchema);
  if (message === undefined) return undefined;
  const { override } = message;
  switch (override.case) {
    case "disabled":
      if (!override.value) {
        errors.push({ path: `${path}.disabled`, message: "only true means something" });
      }
      return NO_SESSIONS;
    case "statefulSession":
      return compileRule(override.value, `${path}.stateful_session`, errors);
    default:
      errors.push({ path, message: "one of disabled, stateful_session is required" });
      return NO_SESSIONS;
  }
}

/** Whether a session's cookie is meant for a path: the client sends it there and nowhere else. */
export function coversPath({ written: { path: scope } }: SessionCookie, path: string): boolean {
  if (scope === "" || scope === "/") return true;
  if (!path.startsWith(scope)) return false;
  return scope.endsWith("/") || path.length === scope.length || path[scope.length] === "/";
}

function compileRule(
  { sessionState, strict }: StatefulSession,
  path: string,
  errors: FieldError[],
): StatefulSessionRule {
  if (sessionState === undefined) return NO_SESSIONS;
  const at = `${path}.session_state.typed_config`;
  const state = compileState(sessionState.typedConfig, at, errors);
  return { kind: "stateful-session", state, isStrict: strict };
}

function compileState(
  config: Any | undefined,
  path: string,
  errors: FieldError[],
): SessionState | undefined {
  const cookie = config && anyUnpack(config, CookieBasedSessionStateSchema);
  if (cookie !== undefined) return compileCookie(cookie, `${path}.cookie`, errors);
  const header = config && anyUnpack(config, HeaderBasedSessionStateSchema);
  if (header !== undefined) {
    if (header.name === "") errors.push({ path: `${path}.name`, message: "a name is required" });
    return { kind: "header", name: new HeaderName(header.name.toLowerCase()) };
  }
  const message = "one of CookieBasedSessionState, HeaderBasedSessionState is required";
  errors.push({ path, message });
  return undefined;
}

function compileCookie(
  { cookie }: CookieBasedSessionState,
  path: string,
  errors: FieldError[],
): SessionCookie {
  const { name = "", path: scope = "" } = cookie ?? {};
  if (name === "") errors.push({ path: `${path}.name`, message: "a name is required" });
  checkCookieText(name, `${path}.name`, errors);
  checkCookieText(scope, `${path}.path`, errors);
  const ttlMs = compileDuration(cookie?.ttl, `${path}.ttl`, errors) ?? 0;
  const written = { maxAgeS: Math.floor(ttlMs / 1000), path: scope, more: "" };
  return { kind: "cookie", name, written };
}
