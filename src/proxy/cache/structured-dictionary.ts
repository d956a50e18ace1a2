/**
 * Dictionaries of Structured Fields (RFC 8941 sections 3.2 and 4.2.2), as fields of targeted cache control are written:
 * `max-age=60, no-cache, x="y"`. Strict, as the RFC asks for: anything amiss, and the whole field counts for nothing.
 */

export type DictionaryValue =
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "integer" | "decimal"; readonly value: number }
  | { readonly kind: "string" | "token" | "bytes"; readonly value: string }
  /** Its members are checked and not kept: no directive has such a value. */
  | { readonly kind: "inner-list" };

const TRUE: DictionaryValue = { kind: "boolean", value: true };
const FALSE: DictionaryValue = { kind: "boolean", value: false };
const INNER_LIST: DictionaryValue = { kind: "inner-list" };

// Each is tried at one place: `y`. None has two ways to match the same text.
const KEY = /[a-z*][a-z0-9_.*-]*/y;
/** Section 3.3.1 and 3.3.2: 15 digits, or 12 and up to three behind the point. */
const NUMBER = /-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])/y;
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y;
const TOKEN = /[A-Za-z*][\w!#$%&'*+.^`|~:/-]*/y;
const BYTES = /:([A-Za-z0-9+/=]*):/y;
const BOOLEAN = /\?([01])/y;
const SPACES = / */y;
const OPTIONAL_SPACE = /[ \t]*/y;

/** By key, the last one of a name counts. Undefined where the text is no dictionary; empty for empty text. */
export function parseDictionary(text: string): ReadonlyMap<string, DictionaryValue> | undefined {
  const reader = new Reader(text);
  reader.take(SPACES);
  const members = new Map<string, DictionaryValue>();
  while (!reader.isAtEnd) {
    const [key] = reader.take(KEY) ?? [];
    const value = key === undefined ? undefined : memberValue(reader);
    if (key === undefined || value === undefined || !skipParameters(reader)) return undefined;
    members.set(key, value);
    // Spaces may end the field, a comma may not.
    reader.take(OPTIONAL_SPACE);
    if (reader.isAtEnd) return members;
    if (!reader.takeText(",")) return undefined;
    reader.take(OPTIONAL_SPACE);
    if (reader.isAtEnd) return undefined;
  }
  return members;
}

function memberValue(reader: Reader): DictionaryValue | undefined {
  // Section 3.2: without a value it is true.
  if (!reader.takeText("=")) return TRUE;
  return reader.takeText("(") ? innerList(reader) : bareItem(reader);
}

/** Section 4.2.1.2. */
function innerList(reader: Reader): DictionaryValue | undefined {
  for (;;) {
    const hasSpace = (reader.take(SPACES)?.[0].length ?? 0) > 0;
    if (reader.takeText(")")) return INNER_LIST;
    if (!hasSpace && !reader.isBehind("(")) return undefined;
    if (bareItem(reader) === undefined || !skipParameters(reader)) return undefined;
  }
}

/** Section 4.2.3.1. */
function bareItem(reader: Reader): DictionaryValue | undefined {
  const number = reader.take(NUMBER)?.[0];
  if (number !== undefined) {
    return { kind: number.includes(".") ? "decimal" : "integer", value: Number(number) };
  }
  const string = reader.take(STRING)?.[1];
  if (string !== undefined) return { kind: "string", value: string.replaceAll(/\\(.)/g, "$1") };
  const token = reader.take(TOKEN)?.[0];
  if (token !== undefined) return { kind: "token", value: token };
  const bytes = reader.take(BYTES)?.[1];
  if (bytes !== undefined) return { kind: "bytes", value: bytes };
  const flag = reader.take(BOOLEAN)?.[1];
  if (flag !== undefined) return flag === "1" ? TRUE : FALSE;
  return undefined;
}

/** RFC 9213 section 2.1: parameters of directives are passed over. False where they are not well formed. */
function skipParameters(reader: Reader): boolean {
  while (reader.takeText(";")) {
    reader.take(SPACES);
    if (reader.take(KEY) === undefined) return false;
    if (reader.takeText("=") && bareItem(reader) === undefined) return false;
  }
  return true;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    // Section 4.2: spaces at the end are dropped.
    this.#text = text.replace(/ +$/, "");
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  isBehind(character: string): boolean {
    return this.#text[this.#at - 1] === character;
  }

  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }

  takeText(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}
