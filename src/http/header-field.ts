/**
 * Fields that a proxy adds itself. What it adds to every message is made once, its line written out;
 * per message nothing is hashed, lower-cased or joined.
 */
import { idOfName } from "./header-name.ts";

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
  /** `name: value` and CRLF. */
  readonly line: string;
  /** RFC 7541 section 6.2.3: no encoder may put it into a table. */
  readonly isNeverIndexed: boolean;

  constructor(name: HeaderName, value: string, isNeverIndexed = false) {
    this.name = name;
    this.value = value;
    this.line = `${name.text}: ${value}\r\n`;
    this.isNeverIndexed = isNeverIndexed;
  }
}
