/**
 * JSON (RFC 8259) for what decides who somebody is: a member that stands twice is refused, since two readers may choose
 * differently (RFC 8725 section 2.4, RFC 7515 section 4), nesting is bounded, and objects become maps, in which no name
 * means anything to the language.
 */
import { JSON_DEPTH_MAX } from "../../core/limits.ts";
import type { MetadataMap, MetadataValue } from "../dynamic-metadata.ts";

/** The object that `bytes` are, or undefined when they are not one. */
export function parseJsonObject(bytes: Uint8Array): MetadataMap | undefined {
  const text = utf8Text(bytes);
  if (text === undefined) return undefined;
  const value = parseStrictJson(text);
  return value instanceof Map ? value : undefined;
}

/** Undefined for what is no JSON, or breaks a rule above. */
export function parseStrictJson(text: string): MetadataValue | undefined {
  return new JsonReader(text).read();
}

function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const PLUS = 0x2b;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LARGE_E = 0x45;
const SMALL_E = 0x65;
const SMALL_U = 0x75;

/** Reads one text. Each method leaves the place behind what it has read, and returns undefined on an error. */
class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): MetadataValue | undefined {
    const value = this.#value(0);
    this.#skipSpace();
    return this.#at === this.#text.length ? value : undefined;
  }

  #value(depth: number): MetadataValue | undefined {
    this.#skipSpace();
    switch (this.#text.charCodeAt(this.#at)) {
      case OPEN_OBJECT:
        return depth === JSON_DEPTH_MAX ? undefined : this.#object(depth + 1);
      case OPEN_LIST:
        return depth === JSON_DEPTH_MAX ? undefined : this.#list(depth + 1);
      case QUOTE:
        return this.#string();
      case 0x74:
        return this.#word("true") ? true : undefined;
      case 0x66:
        return this.#word("false") ? false : undefined;
      case 0x6e:
        return this.#word("null") ? null : undefined;
      default:
        return this.#number();
    }
  }

  #object(depth: number): MetadataMap | undefined {
    const members = new Map<string, MetadataValue>();
    this.#at++;
    if (this.#takes(CLOSE_OBJECT)) return members;
    for (;;) {
      this.#skipSpace();
      if (this.#text.charCodeAt(this.#at) !== QUOTE) return undefined;
      const name = this.#string();
      if (name === undefined || members.has(name) || !this.#takes(COLON)) return undefined;
      const value = this.#value(depth);
      if (value === undefined) return undefined;
      members.set(name, value);
      if (this.#takes(CLOSE_OBJECT)) return members;
      if (!this.#takes(COMMA)) return undefined;
    }
  }

  #list(depth: number): MetadataValue[] | undefined {
    const values: MetadataValue[] = [];
    this.#at++;
    if (this.#takes(CLOSE_LIST)) return values;
    for (;;) {
      const value = this.#value(depth);
      if (value === undefined) return undefined;
      values.push(value);
      if (this.#takes(CLOSE_LIST)) return values;
      if (!this.#takes(COMMA)) return undefined;
    }
  }

  #string(): string | undefined {
    const text = this.#text;
    const start = ++this.#at;
    let hasEscapes = false;
    for (; this.#at < text.length; this.#at++) {
      const code = text.charCodeAt(this.#at);
      if (code === QUOTE) {
        const raw = text.slice(start, this.#at++);
        return hasEscapes ? unescaped(raw) : raw;
      }
      if (code < SPACE) return undefined;
      if (code === BACKSLASH) {
        hasEscapes = true;
        this.#at++;
      }
    }
    return undefined;
  }

  /** RFC 8259 section 6. A number that no double can hold is refused. */
  #number(): number | undefined {
    const text = this.#text;
    const start = this.#at;
    if (text.charCodeAt(this.#at) === MINUS) this.#at++;
    const first = text.charCodeAt(this.#at);
    if (!this.#digits()) return undefined;
    if (first === ZERO && this.#at > start + (text.charCodeAt(start) === MINUS ? 2 : 1)) {
      return undefined;
    }
    if (text.charCodeAt(this.#at) === POINT) {
      this.#at++;
      if (!this.#digits()) return undefined;
    }
    const exponent = text.charCodeAt(this.#at);
    if (exponent === SMALL_E || exponent === LARGE_E) {
      this.#at++;
      const sign = text.charCodeAt(this.#at);
      if (sign === PLUS || sign === MINUS) this.#at++;
      if (!this.#digits()) return undefined;
    }
    const value = Number(text.slice(start, this.#at));
    return Number.isFinite(value) ? value : undefined;
  }

  /** At least one digit. */
  #digits(): boolean {
    const start = this.#at;
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (!(code >= ZERO && code <= NINE)) return this.#at > start;
    }
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #takes(code: number): boolean {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    for (; ; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== SPACE && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }
}

/** By the character behind the backslash. */
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

const LONE_SURROGATE = /\p{Surrogate}/u;
const HEX = /^[0-9a-fA-F]{4}$/;

/** RFC 8259 section 7. Half of a surrogate pair is no character, and refused. */
function unescaped(raw: string): string | undefined {
  let text = "";
  let from = 0;
  for (let at = raw.indexOf("\\"); at >= 0; at = raw.indexOf("\\", from)) {
    text += raw.slice(from, at);
    if (raw.charCodeAt(at + 1) === SMALL_U) {
      const digits = raw.slice(at + 2, at + 6);
      if (!HEX.test(digits)) return undefined;
      text += String.fromCharCode(Number.parseInt(digits, 16));
      from = at + 6;
    } else {
      const character = ESCAPES.get(raw.charAt(at + 1));
      if (character === undefined) return undefined;
      text += character;
      from = at + 2;
    }
  }
  text += raw.slice(from);
  return LONE_SURROGATE.test(text) ? undefined : text;
}
