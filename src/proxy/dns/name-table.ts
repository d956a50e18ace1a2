/**
 * The names that a responder knows, compiled: addresses and services by name, wildcards by what follows the star, and
 * the zones of which it knows all. Pure; built when configuration comes, asked once per query.
 */
import { type DnsAnswer, type DnsRecord, emptyAnswer, soaRecord, srvData } from "./answer.ts";
import {
  encodeName,
  RCODE_NO_SUCH_NAME,
  RCODE_OK,
  TYPE_A,
  TYPE_AAAA,
  TYPE_ANY,
  TYPE_SRV,
} from "./wire.ts";

/** One name, or all below one: `*.example.com`. */
export interface NamedAddresses {
  readonly kind: "addresses";
  readonly name: string;
  readonly ttlSeconds: number;
  /** In network order: 4 bytes or 16. */
  readonly addresses: readonly Uint8Array[];
}

export interface ServiceTarget {
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** `_http._tcp.catalog.default.svc.tulle.local`, RFC 2782; the name without the first two labels lists all of its services. */
export interface NamedService {
  readonly kind: "service";
  readonly name: string;
  readonly service: string;
  readonly protocol: string;
  readonly ttlSeconds: number;
  readonly targets: readonly ServiceTarget[];
}

export interface NameTableInput {
  readonly domains: readonly (NamedAddresses | NamedService)[];
  /** Names below these, and these themselves, are known here or nowhere. */
  readonly zones: readonly string[];
}

/** How long "there is no such name" holds. Short: an author is just making it, maybe. */
const NEGATIVE_TTL_SECONDS = 5;

interface Entry {
  readonly addresses: DnsRecord[];
  readonly services: DnsRecord[];
  readonly targets: string[];
}

export class NameTable {
  readonly #entries = new Map<string, Entry>();
  /** By what follows the star and its dot. */
  readonly #wildcards = new Map<string, Entry>();
  readonly #zones: ReadonlySet<string>;
  /** Names of a zone that have others below them and nothing of their own: RFC 8020 section 2. */
  readonly #inner = new Set<string>();
  /** Turns lists round, so that clients that take the first do not all take the same. */
  #turn = 0;

  constructor({ domains, zones }: NameTableInput) {
    this.#zones = new Set(zones);
    for (const domain of domains) {
      if (domain.kind === "addresses") this.#addAddresses(domain);
      else this.#addService(domain);
    }
    for (const name of this.#entries.keys()) this.#addInner(name);
    for (const zone of zones) this.#inner.add(zone);
  }

  /** Undefined when it is others' business. `name` is lower-case. */
  lookUp(name: string, type: number): DnsAnswer | undefined {
    const entry = this.#entries.get(name) ?? this.#wildcardOf(name);
    if (entry !== undefined) return this.#answerOf(entry, name, type);
    const zone = this.#zoneOf(name);
    if (zone === undefined) return undefined;
    return nothing(zone, this.#inner.has(name) ? RCODE_OK : RCODE_NO_SUCH_NAME);
  }

  #answerOf(entry: Entry, name: string, type: number): DnsAnswer {
    const records =
      type === TYPE_SRV
        ? entry.services
        : entry.addresses.filter((record) => record.type === type || type === TYPE_ANY);
    if (records.length === 0) return nothing(this.#zoneOf(name) ?? name, RCODE_OK);
    return {
      code: RCODE_OK,
      isAuthoritative: true,
      records: type === TYPE_SRV ? records : this.#turned(records),
      authority: undefined,
      additional: type === TYPE_SRV ? this.#addressesOf(entry.targets) : [],
    };
  }

  #addressesOf(targets: readonly string[]): readonly DnsRecord[] {
    return [...new Set(targets)].flatMap((target) => {
      const owner = encodeName(target);
      if (owner === undefined) return [];
      return (this.#entries.get(target)?.addresses ?? []).map((record) => ({ ...record, owner }));
    });
  }

  #turned(records: readonly DnsRecord[]): readonly DnsRecord[] {
    if (records.length < 2) return records;
    this.#turn = (this.#turn + 1) % 0x1_0000;
    const first = this.#turn % records.length;
    return [...records.slice(first), ...records.slice(0, first)];
  }

  /** The longest that fits, as Envoy has it. */
  #wildcardOf(name: string): Entry | undefined {
    if (this.#wildcards.size === 0) return undefined;
    for (const parent of parentsOf(name)) {
      const entry = this.#wildcards.get(parent);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  #zoneOf(name: string): string | undefined {
    if (this.#zones.has(name)) return name;
    for (const parent of parentsOf(name)) if (this.#zones.has(parent)) return parent;
    return undefined;
  }

  #entry(name: string): Entry {
    const isWildcard = name.startsWith("*.");
    const map = isWildcard ? this.#wildcards : this.#entries;
    const key = isWildcard ? name.slice(2) : name;
    const known = map.get(key);
    if (known !== undefined) return known;
    const entry: Entry = { addresses: [], services: [], targets: [] };
    map.set(key, entry);
    return entry;
  }

  #addAddresses({ name, ttlSeconds, addresses }: NamedAddresses): void {
    const { addresses: records } = this.#entry(name);
    for (const data of addresses) {
      records.push({ type: data.length === 4 ? TYPE_A : TYPE_AAAA, ttlSeconds, data });
    }
  }

  #addService({ name, service, protocol, ttlSeconds, targets }: NamedService): void {
    const own = this.#entry(`_${service}._${protocol}.${name}`);
    const all = this.#entry(name);
    for (const { host, port, priority, weight } of targets) {
      const target = encodeName(host);
      if (target === undefined) continue;
      const data = srvData(target, port, priority, weight);
      for (const { services, targets: names } of [own, all]) {
        services.push({ type: TYPE_SRV, ttlSeconds, data });
        names.push(host);
      }
    }
  }

  #addInner(name: string): void {
    const zone = this.#zoneOf(name);
    if (zone === undefined) return;
    for (const parent of parentsOf(name)) {
      if (parent === zone || this.#inner.has(parent)) return;
      this.#inner.add(parent);
    }
  }
}

function nothing(zone: string, code: number): DnsAnswer {
  return { ...emptyAnswer(code, true), authority: soaRecord(zone, NEGATIVE_TTL_SECONDS) };
}

/** `b.c`, then `c`, for `a.b.c`. A name has at most 127 labels. */
function* parentsOf(name: string): Generator<string> {
  for (let at = name.indexOf("."); at >= 0; at = name.indexOf(".", at + 1)) {
    yield name.slice(at + 1);
  }
}
