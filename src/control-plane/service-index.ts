/**
 * Allocates each Service its position in the block of loopback addresses that every sidecar owns: the
 * outbound listeners of a Service sit at block + 256 + index. An index is stable for the Service's life;
 * starting the search at a hash of the name gives a Service that is deleted and made again the same
 * address (so running apps do not reach a stranger), and the store keeps what the hash cannot decide.
 */
import { controlPlaneError } from "./errors.ts";

/** A block is a /18 (16384 addresses) and its first 256 are the sidecar's own. */
export const SERVICE_INDEX_COUNT = 2 ** 14 - 256;

export class ServiceIndexes {
  readonly #indexByService = new Map<string, number>();
  readonly #serviceByIndex = new Map<number, string>();

  /** The index of `service` (`namespace/name`), if it has one. */
  get(service: string): number | undefined {
    return this.#indexByService.get(service);
  }

  /**
   * Takes over an index that the store remembers. False when it is out of range or belongs to another
   * Service (a hand-edited store): the caller then allocates anew.
   */
  restore(service: string, index: number): boolean {
    if (!Number.isInteger(index) || index < 0 || index >= SERVICE_INDEX_COUNT) return false;
    const owner = this.#serviceByIndex.get(index);
    if (owner !== undefined && owner !== service) return false;
    this.release(service);
    this.#indexByService.set(service, index);
    this.#serviceByIndex.set(index, service);
    return true;
  }

  /** The index of `service`, allocated now when it has none. Throws when all are taken. */
  allocate(service: string): number {
    const known = this.#indexByService.get(service);
    if (known !== undefined) return known;
    const start = hash(service) % SERVICE_INDEX_COUNT;
    for (let step = 0; step < SERVICE_INDEX_COUNT; step++) {
      const index = (start + step) % SERVICE_INDEX_COUNT;
      if (this.#serviceByIndex.has(index)) continue;
      this.#indexByService.set(service, index);
      this.#serviceByIndex.set(index, service);
      return index;
    }
    throw controlPlaneError(
      { code: "service-index-exhausted", service },
      `no address is left for service ${service}: a mesh holds at most ${SERVICE_INDEX_COUNT} services`,
    );
  }

  /** Those of instances, which are `namespace/service/instance`. */
  instanceKeys(): readonly string[] {
    return [...this.#indexByService.keys()].filter((key) => key.split("/").length === 3);
  }

  /** Frees the index of a deleted Service. */
  release(service: string): void {
    const index = this.#indexByService.get(service);
    if (index === undefined) return;
    this.#indexByService.delete(service);
    this.#serviceByIndex.delete(index);
  }

  /** Frees the indexes of all Services that are not in `services`. */
  retain(services: ReadonlySet<string>): void {
    for (const service of [...this.#indexByService.keys()]) {
      if (!services.has(service)) this.release(service);
    }
  }

  /** The same allocations, to try something out with. */
  clone(): ServiceIndexes {
    const copy = new ServiceIndexes();
    for (const [service, index] of this.#indexByService) copy.restore(service, index);
    return copy;
  }

  get size(): number {
    return this.#indexByService.size;
  }
}

/** FNV-1a, 32 bits, over UTF-16 code units: names are ASCII. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return value >>> 0;
}
