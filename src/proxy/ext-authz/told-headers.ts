/** Which fields of a request an authorization service is told, and how. */
import type { StringTest } from "../../decision/string-matcher.ts";
import { HEADER, LAST_FRAMING_ID } from "../../http/header-name.ts";
import type { RoutedRequest } from "../routed-request.ts";

export interface ToldHeader {
  /** Lower case. */
  readonly name: string;
  /** One character a byte. */
  readonly value: string;
}

/** Whether a service gets a body of which something is missing: nobody else may say so. */
export const PARTIAL_BODY = "x-envoy-auth-partial-body";

export interface HeaderSelection {
  readonly allowed: StringTest | undefined;
  readonly disallowed: StringTest | undefined;
  /** What is told where `allowed` is undefined, and beside what it allows. */
  readonly isToldAnyway: StringTest;
  /** Fields of one name stay apart. */
  readonly isRaw: boolean;
}

/** In the order in which they came, the pseudo-header fields first. */
export function toldHeaders(
  request: RoutedRequest,
  { allowed, disallowed, isToldAnyway, isRaw }: HeaderSelection,
): ToldHeader[] {
  const told: ToldHeader[] = [];
  const places = new Map<string, number>();
  const tell = (name: string, value: string): void => {
    if (disallowed?.(name) === true) return;
    if (!isToldAnyway(name) && allowed?.(name) !== true) return;
    const place = isRaw ? undefined : places.get(name);
    if (place === undefined) {
      places.set(name, told.length);
      told.push({ name, value });
      return;
    }
    // RFC 9110 section 5.3; cookies are joined as clients do it (RFC 9113 section 8.2.3).
    const separator = name === "cookie" ? "; " : ",";
    told[place] = { name, value: `${told[place]!.value}${separator}${value}` };
  };
  tell(":authority", request.authority);
  tell(":method", request.method);
  tell(":path", request.path + request.search);
  tell(":scheme", request.scheme);
  request.head!.headers.forEach((text, value) => {
    const name = text.toLowerCase();
    if (!isHop(name) && name !== PARTIAL_BODY) tell(name, value);
  });
  const { contentLength } = request.head!;
  if (contentLength >= 0) tell("content-length", String(contentLength));
  return told;
}

/** Of this connection, or told in another way. */
const HOP: ReadonlySet<string> = new Set(
  Object.entries(HEADER)
    .filter(([name, id]) => id <= LAST_FRAMING_ID && name !== "te")
    .map(([name]) => name),
);

function isHop(name: string): boolean {
  return HOP.has(name);
}
