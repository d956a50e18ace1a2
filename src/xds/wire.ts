/**
 * The few pieces of the protobuf wire format that are needed to frame resources that are already
 * encoded, without decoding them (https://protobuf.dev/programming-guides/encoding/).
 */

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/** The tag and length that stand before a length-delimited field of `length` bytes. */
export function fieldHeader(field: number, length: number): Buffer {
  const bytes: number[] = [];
  pushVarint(bytes, field * 8 + WIRE_BYTES);
  pushVarint(bytes, length);
  return Buffer.from(bytes);
}

/** A string field; nothing when it is empty, as proto3 serialises it. */
export function stringField(field: number, value: string): Buffer {
  if (value === "") return Buffer.alloc(0);
  return bytesField(field, Buffer.from(value, "utf8"));
}

/** A field that holds an encoded message or bytes. */
export function bytesField(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([fieldHeader(field, value.length), value]);
}

/** A non-negative integer field. */
export function varintField(field: number, value: number): Buffer {
  const bytes: number[] = [];
  pushVarint(bytes, field * 8 + WIRE_VARINT);
  pushVarint(bytes, value);
  return Buffer.from(bytes);
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}

/**
 * Field 1 of a message read as a string: the name, in every resource type of xDS v3. Undefined when it
 * is absent or the bytes are no message.
 */
export function firstStringField(message: Uint8Array): string | undefined {
  let offset = 0;
  while (offset < message.length) {
    const tag = readVarint(message, offset);
    if (tag === undefined) return undefined;
    offset = tag.end;
    const wireType = tag.value % 8;
    const length = payloadLength(message, offset, wireType);
    if (length === undefined || length.end + length.value > message.length) return undefined;
    if (tag.value === 8 + WIRE_BYTES) {
      return Buffer.from(message.buffer, message.byteOffset + length.end, length.value).toString();
    }
    offset = length.end + length.value;
  }
  return undefined;
}

function payloadLength(
  message: Uint8Array,
  offset: number,
  wireType: number,
): { readonly value: number; readonly end: number } | undefined {
  switch (wireType) {
    case WIRE_BYTES:
      return readVarint(message, offset);
    case WIRE_VARINT: {
      const skipped = readVarint(message, offset);
      return skipped && { value: 0, end: skipped.end };
    }
    case WIRE_FIXED64:
      return { value: 8, end: offset };
    case WIRE_FIXED32:
      return { value: 4, end: offset };
    default:
      return undefined;
  }
}

function readVarint(
  message: Uint8Array,
  start: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let offset = start; offset < Math.min(message.length, start + 10); offset++) {
    const byte = message[offset] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: offset + 1 };
    scale *= 0x80;
  }
  return undefined;
}
