/**
 * Fields that a proxy adds itself. What it adds to every message is made once, and its line written out once:
 * per message nothing is hashed, lower-cased or joined.
 */
import { idOfName } from "./header-name.ts";

/** Colon, space and CRLF. */
const LINE_FRAMING_BYTES = 4;

export class HeaderName {
  /** As it is written. */
  readonly text: string;
  readonly lower: string;
  /** From `HEADER`, or HEADER_UNKNOWN. */
  readonly id: number;

  constructor(text: string) {
    this.text = text;
    this.lower = text.toLowerCase();
    this.id = idOfName(this.lower);
  }
}

export class HeaderField {
  readonly name: HeaderName;
  readonly value: string;
  /** Undefined until somebody asks: HTTP/2 has no lines. */
  #line: string | undefined;
  /** RFC 7541 section 6.2.3: no encoder may put it into a table. */
  readonly isNeverIndexed: boolean;

  constructor(name: HeaderName, value: string, isNeverIndexed = false) {
    this.name = name;
    this.value = value;
    this.isNeverIndexed = isNeverIndexed;
  }

  /** `name: value` and CRLF. */
  get line(): string {
    this.#line ??= `${this.name.text}: ${this.value}\r\n`;
    return this.#line;
  }

  get lineLength(): number {
    return this.name.text.length + this.value.length + LINE_FRAMING_BYTES;
  }
}
