/**
 * What a header block decodes into (RFC 9113 section 8.3: pseudo-header fields first, then the
 * others). One object for all connections, filled again for each block: a connection sets `headers` to
 * the block of the message, decodes, and moves the pseudo fields into its head.
 */
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
   * `1 << id` for each id up to LAST_FLAGGED_ID among the fields: one test tells whether fields are
   * there that are looked at, or that HTTP/2 forbids (RFC 9113 section 8.2.2).
   */
  flaggedIds = 0;
  /** Sum of name, value and 32 bytes of each field (RFC 9113 section 6.5.2), counted even when too large. */
  listSizeBytes = 0;
  clear(): void {
    this.headers.clear();
    this.present = 0;
    this.method = "";
    this.scheme = "";
    this.authority = "";
    this.path = "";
    this.protocol = "";
    this.status = 0;
    this.flaggedIds = 0;
    this.listSizeBytes = 0;
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
