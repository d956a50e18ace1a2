/**
 * What a proxy did with one case, as fields that can be compared one by one. Values that no two proxies can
 * have in common are replaced by their kind; `NORMALISED` says which, and the reference page prints it.
 */
import { createHash } from "node:crypto";
import { LOCAL_REPLY } from "../../src/proxy/local-reply.ts";
import type { Transcript } from "./client.ts";
import type { RawMessage } from "./message-reader.ts";
import type { ReceivedRequest } from "./recording-upstream.ts";

/** `responses.0.status` → `200`. Everything is text. */
export type Observation = ReadonlyMap<string, string>;

/** What is replaced before two proxies are compared, and why. */
export const NORMALISED: Readonly<Record<string, string>> = {
  "field names":
    "compared in lower case: their case means nothing (RFC 9110 section 5.1). Tulle keeps the sender's, Envoy writes lower case.",
  "field order":
    "fields of different names may change places (RFC 9110 section 5.3), those of one name may not.",
  date: "the clock.",
  server: "where it is the proxy's own name.",
  "x-request-id": "where the proxy made it.",
  "x-envoy-upstream-service-time": "milliseconds.",
  "x-envoy-expected-rq-timeout-ms": "on a retry, where it is what is left of the timeout.",
  "content-length":
    "where it is the length of the body, which is compared itself; and `0` over HTTP/2, where the end of the stream says so.",
  "ends of TCP connections":
    "whether by FIN or RST, where nothing came before: bytes that nobody has read decide it.",
  "answers of the proxy's own":
    "their body, its type and its length. Each proxy has words of its own; Tulle's say what to check, in JSON to clients that accept JSON. Envoy sends some of its answers without a body.",
};

/** What Envoy says where an upstream gave no answer. */
const ENVOY_WORDS =
  /^(?:no healthy upstream|fault filter abort|upstream connect error or disconnect|upstream request timeout|stream timeout|downstream duration timeout|Bad Request$|Upgrade Required$|Request Header Fields Too Large$|Request Timeout$|Not Implemented$|RBAC: access denied$|Jwt |Jwks |Audiences in Jwt|Found multiple Jwt|Failed JWT)/;
const TULLE_WORDS = Object.values(LOCAL_REPLY).map(({ message }) => message);

const TIMEOUT = "x-envoy-expected-rq-timeout-ms";
/** Of routes that say none. A retry right behind the first try has some milliseconds less. */
const ROUTE_TIMEOUT_MS = 15_000;
const BODY_SHOWN_MAX = 256;
const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function observe(
  transcript: Transcript,
  received: readonly ReceivedRequest[],
  seesResets: boolean,
): Observation {
  const isForwarded = received.length > 0;
  const fields = new Map<string, string>();
  for (const [index, message] of transcript.responses.entries()) {
    const at = `responses.${index}`;
    const [version = "", status = "", ...reason] = message.startLine.split(" ");
    fields.set(`${at}.version`, version);
    fields.set(`${at}.status`, status);
    fields.set(`${at}.reason`, reason.join(" "));
    addMessage(fields, at, isOwnAnswer(message, isForwarded) ? withoutWords(message) : message);
  }
  fields.set("connection", transcript.connection);
  if (transcript.goaway !== undefined) fields.set("goaway", transcript.goaway);
  // Mirrors race the request that they copy: the order between upstreams says nothing.
  const ordered = received.toSorted((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
  for (const [index, { label, peer, message }] of ordered.entries()) {
    const at = `upstream.${index}`;
    const [method = "", target = "", version = ""] = message.startLine.split(" ");
    fields.set(`${at}.cluster`, label);
    fields.set(`${at}.method`, method);
    fields.set(`${at}.target`, target);
    fields.set(`${at}.version`, version);
    if (peer !== "") fields.set(`${at}.peer`, peer);
    addMessage(fields, at, seesResets ? message : { ...message, reset: undefined });
    if (index > 0 && fields.has(`${at}.headers.${TIMEOUT}`)) {
      fields.set(`${at}.headers.${TIMEOUT}`, "(what is left)");
    }
  }
  return fields;
}

function addMessage(fields: Map<string, string>, at: string, message: RawMessage): void {
  for (const [name, values] of grouped(message.headers)) {
    if (isEmptyBodyOfHttp2(name, values, message)) continue;
    fields.set(
      `${at}.headers.${name}`,
      values.map((value) => normalised(name, value, message)).join(" | "),
    );
  }
  for (const [name, values] of grouped(message.trailers)) {
    fields.set(`${at}.trailers.${name}`, values.join(" | "));
  }
  fields.set(`${at}.complete`, String(message.isComplete));
  if (message.reset !== undefined) fields.set(`${at}.reset`, message.reset);
  if (message.framing !== "none") fields.set(`${at}.framing`, message.framing);
  if (message.body.length > 0) fields.set(`${at}.body`, bodyText(message.body));
}

function isEmptyBodyOfHttp2(
  name: string,
  [value]: readonly string[],
  { startLine, body }: RawMessage,
): boolean {
  return (
    name === "content-length" && value === "0" && body.length === 0 && startLine.includes("HTTP/2")
  );
}

/** Whether the proxy answered in an upstream's place. */
function isOwnAnswer({ startLine, body }: RawMessage, isForwarded: boolean): boolean {
  const text = body.toString("latin1");
  if (text === "") return !isForwarded && / [45]\d\d\b/.test(startLine);
  return ENVOY_WORDS.test(text) || TULLE_WORDS.some((words) => text.includes(words));
}

function withoutWords(message: RawMessage): RawMessage {
  const headers = message.headers.filter(
    ([name]) => name !== "content-type" && name !== "content-length",
  );
  return { ...message, headers, framing: "none", body: Buffer.from("(its own words)") };
}

function grouped(headers: RawMessage["headers"]): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const values = byName.get(name);
    if (values === undefined) byName.set(name, [value]);
    else values.push(value);
  }
  return byName;
}

function normalised(name: string, value: string, message: RawMessage): string {
  switch (name) {
    case "date":
      return Number.isNaN(Date.parse(value)) ? value : "(date)";
    case "server":
      return value === "envoy" || value === "tulle" ? "(proxy)" : value;
    case "x-request-id":
      return REQUEST_ID.test(value) ? "(generated)" : value;
    case "x-envoy-upstream-service-time":
      return /^\d+$/.test(value) ? "(ms)" : value;
    case TIMEOUT:
      return Number(value) > ROUTE_TIMEOUT_MS - 1_000 && Number(value) < ROUTE_TIMEOUT_MS
        ? String(ROUTE_TIMEOUT_MS)
        : value;
    case "content-length":
      return message.framing === "length" && Number(value) === message.body.length
        ? "(body)"
        : value;
    default:
      return value;
  }
}

function bodyText(body: Buffer): string {
  if (body.length <= BODY_SHOWN_MAX) return body.toString("latin1");
  const hash = createHash("sha256").update(body).digest("hex").slice(0, 16);
  return `(${body.length} bytes, SHA-256 ${hash}…)`;
}
