/** Names of header fields that begin alike, and which of them are unwanted. */
import { HEADER } from "./header-name.ts";

export class NameFamily {
  /** What all of its names begin with, in lower case. */
  readonly prefix: string;
  readonly #isUnwanted: (lowerName: string) => boolean;
  /** By number from `HEADER`: 1 for an unwanted name, so that nothing is asked about known ones per message. */
  readonly #unwantedIds: Uint8Array;

  constructor(prefix: string, isUnwanted: (lowerName: string) => boolean) {
    this.prefix = prefix;
    this.#isUnwanted = isUnwanted;
    const known = Object.entries(HEADER);
    this.#unwantedIds = new Uint8Array(known.length + 1);
    for (const [name, id] of known) {
      if (name.startsWith(prefix) && isUnwanted(name)) this.#unwantedIds[id] = 1;
    }
  }

  /** Of a name by its number, which is not HEADER_UNKNOWN. */
  isKnownUnwanted(id: number): boolean {
    return this.#unwantedIds[id] === 1;
  }

  /** Of a name that begins with the prefix. */
  isUnwanted(name: string): boolean {
    return this.#isUnwanted(name.toLowerCase());
  }
}
