/**
 * What a header block decodes into (RFC 9113 section 8.3: pseudo-header fields first, then the
 * others). One object per connection, filled again for each block: the connection sets `headers` to
 * the block of the message, decodes, and moves the pseudo fields into its head.
 */
import { HEADER_COUNT_MAX } from "../../core/limits.ts";
import { HeaderBlock } from "../../http/header-block.ts";

/** Pseudo-header fields by number; bits of `FieldSection.present` are `1 << number`. */
export const PSEUDO = {
  method: 1,
  scheme: 2,
  authority: 3,
  path: 4,
  status: 5,
  protocol: 6,
  unknown: 7,
} as const;

export class FieldSection {
  /**
   * Regular fields. The decoder clears the block, pushes each field with its number from `HEADER` and
   * sets `text`, in which every field is exactly `name: value` and CRLF, one behind the other.
   */
  headers = new HeaderBlock();
  /** `1 << PSEUDO.x` for each pseudo field that was there: empty and absent differ. */
  present = 0;
  method = "";
  scheme = "";
  authority = "";
  path = "";
  protocol = "";
  status = 0;
  /**
   * `1 << id` for each id up to LAST_FRAMING_ID among the fields: one test tells whether
   * connection-specific fields are there (RFC 9113 section 8.2.2).
   */
  framingIds = 0;
  /** Sum of name, value and 32 bytes of each field (RFC 9113 section 6.5.2), counted even when too large. */
  listSizeBytes = 0;
  #neverIndexed: Uint8Array | undefined;
  hasNeverIndexed = false;

  clear(): void {
    this.headers.clear();
    this.present = 0;
    this.method = "";
    this.scheme = "";
    this.authority = "";
    this.path = "";
    this.protocol = "";
    this.status = 0;
    this.framingIds = 0;
    this.listSizeBytes = 0;
    if (this.hasNeverIndexed) {
      this.hasNeverIndexed = false;
      this.#neverIndexed!.fill(0);
    }
  }

  /** For the decoder: the regular field with this index came never indexed. */
  markNeverIndexed(index: number): void {
    this.#neverIndexed ??= new Uint8Array(HEADER_COUNT_MAX);
    this.#neverIndexed[index] = 1;
    this.hasNeverIndexed = true;
  }

  /** RFC 7541 section 6.2.3: who passes the field on must use the never-indexed form too. */
  isNeverIndexed(index: number): boolean {
    return this.hasNeverIndexed && this.#neverIndexed![index] === 1;
  }

  /** For the decoder: a pseudo field other than :status. */
  setPseudo(kind: number, value: string): void {
    switch (kind) {
      case PSEUDO.method:
        this.method = value;
        break;
      case PSEUDO.scheme:
        this.scheme = value;
        break;
      case PSEUDO.authority:
        this.authority = value;
        break;
      case PSEUDO.path:
        this.path = value;
        break;
      case PSEUDO.protocol:
        this.protocol = value;
        break;
    }
  }
}
