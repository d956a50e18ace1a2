/**
 * The responses that a cache holds, within a bound of bytes. Sizes are three classes with a share of the bytes each,
 * and what was used longest ago goes first within its class: a large response never drives out a thousand small ones.
 */
import { CACHE_VARIANTS_MAX } from "../../core/limits.ts";
import type { ResponseKey, StoredResponse } from "./stored-response.ts";

/** Up to so many bytes, with this share of all. The last class takes what is larger. */
const CLASSES: readonly { readonly sizeMax: number; readonly share: number }[] = [
  { sizeMax: 8 * 1024, share: 0.25 },
  { sizeMax: 128 * 1024, share: 0.25 },
  { sizeMax: Number.POSITIVE_INFINITY, share: 0.5 },
];

/** Responses of about one size, the one that was used longest ago first. */
class SizeClass {
  readonly bytesMax: number;
  readonly entries = new Set<StoredResponse>();
  bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }
}

/** What it counts. Gauges are of all stores together. */
export interface StoreMetrics {
  readonly evicted: { value: number };
  readonly bytes: { value: number };
  readonly entries: { value: number };
}

export class CacheStore {
  readonly #metrics: StoreMetrics;
  readonly #classes: readonly SizeClass[];
  /** By URI. Groups hold few responses: one for each that Vary or identity tells apart. */
  readonly #byUri = new Map<string, StoredResponse[]>();
  readonly #byTag = new Map<string, Set<StoredResponse>>();
  /** Size and class of an entry, as they were counted. */
  readonly #places = new Map<StoredResponse, { readonly size: number; readonly of: SizeClass }>();

  constructor(bytesMax: number, metrics: StoreMetrics) {
    this.#metrics = metrics;
    this.#classes = CLASSES.map(({ share }) => new SizeClass(Math.floor(bytesMax * share)));
  }

  get count(): number {
    return this.#places.size;
  }

  get bytes(): number {
    return this.#classes.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Forgets everything. */
  clear(): void {
    for (const response of [...this.#places.keys()]) this.remove(response);
  }

  /** All responses for a URI. Not to be kept. */
  of(uri: string): readonly StoredResponse[] {
    return this.#byUri.get(uri) ?? [];
  }

  /** Takes the place of the one with the same key. Returns false when it is too large. */
  put(response: StoredResponse): boolean {
    const { key, size } = response;
    const of = this.#classOf(size);
    if (size > of.bytesMax) return false;
    const same = this.of(key.uri).find((other) => isSameKey(other.key, key));
    if (same !== undefined) this.remove(same);
    const evict = (victim: StoredResponse | undefined): void => {
      if (victim === undefined) return;
      this.remove(victim);
      this.#metrics.evicted.value += 1;
    };
    if (this.of(key.uri).length >= CACHE_VARIANTS_MAX) evict(this.of(key.uri)[0]);
    while (of.bytes + size > of.bytesMax) evict(of.entries.values().next().value);
    const group = this.#byUri.get(key.uri);
    if (group === undefined) this.#byUri.set(key.uri, [response]);
    else group.push(response);
    of.entries.add(response);
    of.bytes += size;
    this.#metrics.bytes.value += size;
    this.#metrics.entries.value += 1;
    this.#places.set(response, { size, of });
    for (const tag of response.tags) this.#tagged(tag).add(response);
    return true;
  }

  /** It was used: others go before it. */
  touch(response: StoredResponse): void {
    const place = this.#places.get(response);
    if (place === undefined) return;
    place.of.entries.delete(response);
    place.of.entries.add(response);
  }

  /** Its fields have changed, and with them its size. */
  resize(response: StoredResponse): void {
    if (!this.#places.has(response)) return;
    this.remove(response);
    this.put(response);
  }

  remove(response: StoredResponse): void {
    const place = this.#places.get(response);
    if (place === undefined) return;
    this.#places.delete(response);
    place.of.entries.delete(response);
    place.of.bytes -= place.size;
    this.#metrics.bytes.value -= place.size;
    this.#metrics.entries.value -= 1;
    const { uri } = response.key;
    const rest = this.of(uri).filter((other) => other !== response);
    if (rest.length === 0) this.#byUri.delete(uri);
    else this.#byUri.set(uri, rest);
    for (const tag of response.tags) {
      const tagged = this.#byTag.get(tag);
      tagged?.delete(response);
      if (tagged?.size === 0) this.#byTag.delete(tag);
    }
  }

  /** RFC 9111 section 4.4. Returns how many went. */
  removeUri(uri: string): number {
    const group = [...this.of(uri)];
    for (const response of group) this.remove(response);
    return group.length;
  }

  /** Of the responses with the tag those whose URI says so. */
  removeTag(tag: string, isWanted: (uri: string) => boolean): number {
    const tagged = [...(this.#byTag.get(tag) ?? [])].filter(({ key }) => isWanted(key.uri));
    for (const response of tagged) this.remove(response);
    return tagged.length;
  }

  /** By what their URIs say. Looks at all of them. */
  removeWhere(isWanted: (uri: string) => boolean): number {
    let count = 0;
    for (const uri of [...this.#byUri.keys()]) if (isWanted(uri)) count += this.removeUri(uri);
    return count;
  }

  #classOf(size: number): SizeClass {
    return this.#classes[CLASSES.findIndex(({ sizeMax }) => size <= sizeMax)]!;
  }

  #tagged(tag: string): Set<StoredResponse> {
    let tagged = this.#byTag.get(tag);
    if (tagged === undefined) {
      tagged = new Set();
      this.#byTag.set(tag, tagged);
    }
    return tagged;
  }
}

function isSameKey(a: ResponseKey, b: ResponseKey): boolean {
  return (
    a.identity === b.identity &&
    a.varyValues === b.varyValues &&
    a.varyNames.length === b.varyNames.length &&
    a.varyNames.every((name, index) => name === b.varyNames[index])
  );
}
