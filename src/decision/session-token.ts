/**
 * What a session's cookie or header says: the endpoint that serves it, as Envoy writes it, so that sessions outlive a
 * change from one proxy to the other. The cookie holds a message of protocol buffers (`envoy.Cookie`: address 1, expires
 * 2); the header and older cookies hold the address alone.
 */
import { Buffer } from "node:buffer";

const ADDRESS_TAG = 0x0a;
const EXPIRES_TAG = 0x10;
/** Fields are numbered from 1. */
const TAG_LEAST = 8;
/** Wire types of protocol buffers. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
/**
 * Envoy counts the seconds since its machine started, which nobody else can compare with. What is larger than any such
 * time counts from the epoch.
 */
const EPOCH_SECONDS_LEAST = 1_000_000_000;
/** An address has 47 characters at most; nobody needs to decode more than that and its frame. */
const TOKEN_LENGTH_MAX = 256;

/** `expiresS`: seconds since the epoch, 0 for never. */
export function encodeSession(address: string, expiresS: number): string {
  const text = Buffer.from(address, "latin1");
  const bytes = [ADDRESS_TAG, ...varint(text.length), ...text];
  if (expiresS > 0) bytes.push(EXPIRES_TAG, ...varint(expiresS));
  return Buffer.from(bytes).toString("base64");
}

/** The address in a cookie's value, or undefined when there is none or it has expired. */
export function decodeSession(token: string, nowS: number): string | undefined {
  const bytes = decodeBase64(token);
  if (bytes === undefined) return undefined;
  const fields = parseFields(bytes);
  if (fields === undefined) return bytes.toString("latin1");
  const { address, expiresS } = fields;
  if (expiresS >= EPOCH_SECONDS_LEAST && nowS > expiresS) return undefined;
  return address === "" ? undefined : address;
}

export function encodeAddress(address: string): string {
  return Buffer.from(address, "latin1").toString("base64");
}

/** The address in a header's value. */
export function decodeAddress(token: string): string | undefined {
  return decodeBase64(token)?.toString("latin1");
}

/** Undefined for what is not exactly base64, and for nothing. */
function decodeBase64(text: string): Buffer | undefined {
  if (text === "" || text.length > TOKEN_LENGTH_MAX) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

interface SessionFields {
  readonly address: string;
  readonly expiresS: number;
}

/** Undefined when the bytes are no message. Unknown fields are passed over. */
function parseFields(bytes: Buffer): SessionFields | undefined {
  let address = "";
  let expiresS = 0;
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const tag = readVarint(bytes, cursor);
    const value = skipField(bytes, cursor, tag);
    if (value < 0 || tag < TAG_LEAST) return undefined;
    if (tag === EXPIRES_TAG) expiresS = value;
    if (tag === ADDRESS_TAG) address = bytes.toString("latin1", cursor.at - value, cursor.at);
  }
  return { address, expiresS };
}

/** Behind a tag: a number, or how many bytes the field has. -1 when it is malformed or cut short. */
function skipField(bytes: Buffer, cursor: { at: number }, tag: number): number {
  switch (tag & 7) {
    case VARINT:
      return readVarint(bytes, cursor);
    case BYTES: {
      const size = readVarint(bytes, cursor);
      return size < 0 ? -1 : skipBytes(bytes, cursor, size);
    }
    case FIXED64:
      return skipBytes(bytes, cursor, 8);
    case FIXED32:
      return skipBytes(bytes, cursor, 4);
    default:
      return -1;
  }
}

function skipBytes(bytes: Buffer, cursor: { at: number }, size: number): number {
  cursor.at += size;
  return cursor.at > bytes.length ? -1 : size;
}

const VARINT_BYTES_MAX = 10;

/** -1 when it does not end. */
function readVarint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  for (let i = 0; i < VARINT_BYTES_MAX && cursor.at < bytes.length; i++) {
    const byte = bytes[cursor.at]!;
    cursor.at += 1;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  return -1;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}
