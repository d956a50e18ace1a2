/**
 * Names to addresses, by the system's own rules. A name server tells for how long an answer holds, the system's
 * resolver does not; but only the latter knows the hosts file and names of the local network.
 */
import { lookup, Resolver } from "node:dns/promises";
import { socketFailure } from "../net/node-error.ts";

/** `auto`: IPv6, and IPv4 where there is none of it (Envoy's AUTO). `v4-preferred` is the reverse. */
export type AddressFamily = "auto" | "v4" | "v6" | "v4-preferred" | "all";

export interface NameAnswer {
  readonly addresses: readonly string[];
  /** The shortest of the records; undefined when nobody says. */
  readonly ttlMs: number | undefined;
}

/** Rejects when no resolver answers. */
export type ResolveName = (name: string, family: AddressFamily) => Promise<NameAnswer>;

/** What says that a resolver knows nothing, or that there is none. */
const NO_ANSWER: ReadonlySet<string> = new Set([
  "ENODATA",
  "ENOTFOUND",
  "ECONNREFUSED",
  "ETIMEOUT",
  "ESERVFAIL",
  "EREFUSED",
]);
/** One try of a name server, milliseconds. */
const QUERY_TIMEOUT_MS = 2_000;
const QUERY_TRIES = 2;

export function createResolveName(): ResolveName {
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES });
  return async (name, family) => {
    // RFC 6761 section 6.3: localhost is never asked of a name server. Nor is a name without a dot, which is of this
    // machine or of its network.
    const isLocal = !name.includes(".") || name.endsWith(".localhost");
    const answer = isLocal ? undefined : await byNameServer(resolver, name, family);
    return answer ?? bySystem(name, family);
  };
}

/** Undefined when no name server knows the name, or none can be asked. */
async function byNameServer(
  resolver: Resolver,
  name: string,
  family: AddressFamily,
): Promise<NameAnswer | undefined> {
  const v4 = () => resolver.resolve4(name, { ttl: true });
  const v6 = () => resolver.resolve6(name, { ttl: true });
  const records = await inOrder(family, v4, v6);
  if (records.length === 0) return undefined;
  const ttlSeconds = Math.min(...records.map(({ ttl }) => ttl));
  return { addresses: records.map(({ address }) => address), ttlMs: ttlSeconds * 1000 };
}

async function bySystem(name: string, family: AddressFamily): Promise<NameAnswer> {
  const of = (number: 4 | 6) => () => lookup(name, { all: true, family: number });
  const records = await inOrder(family, of(4), of(6));
  return { addresses: records.map(({ address }) => address), ttlMs: undefined };
}

type Ask<R> = () => Promise<readonly R[]>;

async function inOrder<R>(family: AddressFamily, v4: Ask<R>, v6: Ask<R>): Promise<readonly R[]> {
  switch (family) {
    case "v4":
      return orNone(v4);
    case "v6":
      return orNone(v6);
    case "all": {
      const [first, second] = await Promise.all([orNone(v4), orNone(v6)]);
      return [...first, ...second];
    }
    case "auto":
      return firstOf(v6, v4);
    case "v4-preferred":
      return firstOf(v4, v6);
  }
}

async function firstOf<R>(first: Ask<R>, second: Ask<R>): Promise<readonly R[]> {
  const answer = await orNone(first);
  return answer.length > 0 ? answer : orNone(second);
}

/** A name without addresses of a family is no failure, nor is a machine without a name server. */
async function orNone<R>(ask: Ask<R>): Promise<readonly R[]> {
  try {
    return await ask();
  } catch (error) {
    if (NO_ANSWER.has(socketFailure(error).code)) return [];
    throw error;
  }
}
