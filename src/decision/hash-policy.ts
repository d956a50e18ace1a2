/**
 * What a request is hashed by, so that hashing policies send like ones to the same endpoint: Envoy's `hash_policy` of a
 * route, compiled. Each entry that finds something is mixed into the hash; the hashes are Envoy's, bit by bit.
 */
import { wireText } from "../core/wire-text.ts";
import { XxHash64 } from "../core/xxhash64.ts";
import type {
  RouteAction_HashPolicy,
  RouteAction_HashPolicy_Cookie,
  RouteAction_HashPolicy_Header,
} from "../gen/envoy/config/route/v3/route_components_pb.js";
import { type CookieAttributes, cookieValue, setCookie } from "../http/cookie.ts";
import { checkCookieText } from "./cookie-text.ts";
import { compileDuration } from "./duration.ts";
import type { FieldError } from "./field-error.ts";
import { headerReader } from "./header-matcher.ts";
import type { Replacer } from "./linear-regex.ts";
import { queryParameter } from "./query-matcher.ts";
import type { RequestView } from "./request-view.ts";
import { linearRegex } from "./string-matcher.ts";

/** The client's connection. */
export interface HashOrigin {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** Takes the result. */
export interface HashTarget {
  /** The halves are unsigned. */
  setHash(high: number, low: number): void;
  /** The value of a Set-Cookie field that the answer must carry. */
  setCookie(cookie: string): void;
}

/** What one entry hashes, several texts one behind the other, or undefined where the request has nothing of it. */
type HashSource = (
  request: RequestView,
  origin: HashOrigin,
  target: HashTarget,
) => string | readonly string[] | undefined;

interface Entry {
  readonly source: HashSource;
  /** Once there is a hash behind it, no other entry counts. */
  readonly isTerminal: boolean;
}

export class HashPolicy {
  readonly #entries: readonly Entry[];
  readonly #hash = new XxHash64();

  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  /** Gives the target a hash, when the request has one. */
  apply(request: RequestView, origin: HashOrigin, target: HashTarget): void {
    let high = 0;
    let low = 0;
    let hasHash = false;
    for (let i = 0; i < this.#entries.length; i++) {
      const { source, isTerminal } = this.#entries[i]!;
      const found = source(request, origin, target);
      if (found !== undefined) {
        hashTexts(this.#hash, found);
        // Turned by one bit first: two entries with the same value must not cancel each other out.
        const turnedHigh = (high << 1) | (low >>> 31);
        const turnedLow = (low << 1) | (high >>> 31);
        high = turnedHigh ^ this.#hash.high;
        low = turnedLow ^ this.#hash.low;
        hasHash = true;
      }
      if (isTerminal && hasHash) break;
    }
    if (hasHash) target.setHash(high, low);
  }
}

/** The hash of each text is the seed of the next. */
function hashTexts(hash: XxHash64, texts: string | readonly string[]): void {
  if (typeof texts === "string") {
    hash.hash(texts);
    return;
  }
  hash.hash(texts[0]!);
  for (let i = 1; i < texts.length; i++) hash.hash(texts[i]!, hash.low, hash.high);
}

/** Undefined where nothing is hashed. */
export function compileHashPolicy(
  policies: readonly RouteAction_HashPolicy[],
  path: string,
  errors: FieldError[],
): HashPolicy | undefined {
  const entries = policies.flatMap((policy, index) => {
    const source = compileSource(policy, `${path}[${index}]`, errors);
    return source === undefined ? [] : [{ source, isTerminal: policy.terminal }];
  });
  return entries.length === 0 ? undefined : new HashPolicy(entries);
}

function compileSource(
  { policySpecifier: specifier }: RouteAction_HashPolicy,
  path: string,
  errors: FieldError[],
): HashSource | undefined {
  switch (specifier.case) {
    case "header":
      return headerSource(specifier.value, `${path}.header`, errors);
    case "cookie":
      return cookieSource(specifier.value, `${path}.cookie`, errors);
    case "connectionProperties":
      return specifier.value.sourceIp
        ? (request, { remoteAddress }) => request.clientAddress || remoteAddress || undefined
        : undefined;
    case "queryParameter": {
      const name = wireText(specifier.value.name);
      if (name === "") {
        errors.push({ path: `${path}.query_parameter.name`, message: "a name is required" });
      }
      // A query is cut at these: no parameter can have such a name.
      return /[&=]/.test(name) ? () => undefined : (request) => queryParameter(request.query, name);
    }
    default: {
      const message = "one of header, cookie, connection_properties, query_parameter is required";
      errors.push({ path, message });
      return undefined;
    }
  }
}

function headerSource(
  { headerName, regexRewrite }: RouteAction_HashPolicy_Header,
  path: string,
  errors: FieldError[],
): HashSource {
  const name = headerName.toLowerCase();
  if (name === "") errors.push({ path: `${path}.header_name`, message: "a name is required" });
  let rewrite: Replacer | undefined;
  if (regexRewrite !== undefined) {
    const at = `${path}.regex_rewrite`;
    const regex =
      regexRewrite.pattern === undefined
        ? undefined
        : linearRegex(regexRewrite.pattern, `${at}.pattern`, errors);
    if (regexRewrite.pattern === undefined) {
      errors.push({ path: `${at}.pattern`, message: "a pattern is required" });
    }
    const replacer = regex?.replacer(wireText(regexRewrite.substitution));
    if (replacer !== undefined && "error" in replacer) {
      errors.push({ path: `${at}.substitution`, message: replacer.error });
    } else rewrite = replacer;
  }
  return headerText(name, rewrite);
}

function headerText(name: string, rewrite: Replacer | undefined): HashSource {
  const read = headerReader(name);
  return (request) => {
    const joined = read(request);
    if (joined === undefined) return undefined;
    const values = joined.includes(",") ? request.headerValues(name) : undefined;
    if (values === undefined || values.length < 2) {
      return rewrite === undefined ? joined : rewrite(joined);
    }
    // Several fields count in any order, each by itself.
    const rewritten = rewrite === undefined ? [...values] : values.map(rewrite);
    return rewritten.sort();
  };
}

const HEX_DIGITS = 8;

function cookieSource(
  { name, ttl, path: scope, attributes }: RouteAction_HashPolicy_Cookie,
  path: string,
  errors: FieldError[],
): HashSource {
  if (name === "") errors.push({ path: `${path}.name`, message: "a name is required" });
  const maxAgeMs = compileDuration(ttl, `${path}.ttl`, errors);
  const more = attributes.map(({ name: attribute, value }) =>
    value === "" ? attribute : `${attribute}=${value}`,
  );
  const written: CookieAttributes = {
    maxAgeS: Math.floor((maxAgeMs ?? 0) / 1000),
    path: scope,
    more: more.map((attribute) => `; ${attribute}`).join(""),
  };
  checkCookieText(name, `${path}.name`, errors);
  checkCookieText(scope, `${path}.path`, errors);
  for (const [index, text] of more.entries()) {
    checkCookieText(text, `${path}.attributes[${index}]`, errors);
  }
  const hash = new XxHash64();
  return (request, origin, target) => {
    const value = cookieValue(request.headerValues("cookie"), name);
    if (value !== "") return value;
    if (ttl === undefined) return undefined;
    // A client without the cookie gets one: what tells its connection from others, hashed.
    const { remoteAddress, remotePort, localAddress, localPort } = origin;
    hash.hash(addressText(remoteAddress, remotePort) + addressText(localAddress, localPort));
    const made = hexOf(hash.high) + hexOf(hash.low);
    target.setCookie(setCookie(name, made, written));
    return made;
  };
}

function addressText(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function hexOf(word: number): string {
  return word.toString(16).padStart(HEX_DIGITS, "0");
}
