/** MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), as far as the forward protocol and JSON values go. */

const UINT32_MAX = 0xffff_ffff;

/** Undefined members of an object are left out, as in JSON. */
export function packMessage(value: unknown): Buffer {
  const parts: Buffer[] = [];
  pack(value, parts);
  return Buffer.concat(parts);
}

/** Forward protocol, "EventTime Ext Format": extension type 0, seconds and nanoseconds. */
export function packEventTime(timeNs: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(10);
  bytes.writeUInt16BE(0xd7_00, 0);
  bytes.writeUInt32BE(Number(timeNs / 1_000_000_000n), 2);
  bytes.writeUInt32BE(Number(timeNs % 1_000_000_000n), 6);
  return bytes;
}

/** The head of an array of so many items, which the caller packs behind it. */
export function packArrayHead(count: number): Buffer {
  return head(count, { fix: 0x90, fixMax: 15, wide16: 0xdc, wide32: 0xdd });
}

export function packBinary(bytes: Uint8Array): Buffer {
  return Buffer.concat([head(bytes.length, { wide8: 0xc4, wide16: 0xc5, wide32: 0xc6 }), bytes]);
}

function pack(value: unknown, parts: Buffer[]): void {
  switch (typeof value) {
    case "string":
      parts.push(packText(value));
      return;
    case "number":
      parts.push(packNumber(value));
      return;
    case "boolean":
      parts.push(Buffer.from([value ? 0xc3 : 0xc2]));
      return;
    case "object":
      packObject(value, parts);
      return;
    default:
      parts.push(Buffer.from([0xc0]));
  }
}

function packObject(value: object | null, parts: Buffer[]): void {
  if (value === null) parts.push(Buffer.from([0xc0]));
  else if (value instanceof Uint8Array) parts.push(packBinary(value));
  else if (Array.isArray(value)) {
    parts.push(packArrayHead(value.length));
    for (const item of value) pack(item, parts);
  } else {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    parts.push(head(entries.length, { fix: 0x80, fixMax: 15, wide16: 0xde, wide32: 0xdf }));
    for (const [key, member] of entries) {
      parts.push(packText(key));
      pack(member, parts);
    }
  }
}

function packText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const widths = { fix: 0xa0, fixMax: 31, wide8: 0xd9, wide16: 0xda, wide32: 0xdb };
  return Buffer.concat([head(bytes.length, widths), bytes]);
}

function packNumber(value: number): Buffer {
  if (!Number.isSafeInteger(value)) return wide(0xcb, 8, (to) => to.writeDoubleBE(value, 1));
  if (value >= 0) {
    if (value <= 0x7f) return Buffer.from([value]);
    if (value <= UINT32_MAX) return wide(0xce, 4, (to) => to.writeUInt32BE(value, 1));
    return wide(0xcf, 8, (to) => to.writeBigUInt64BE(BigInt(value), 1));
  }
  if (value >= -32) return Buffer.from([value & 0xff]);
  return wide(0xd3, 8, (to) => to.writeBigInt64BE(BigInt(value), 1));
}

function wide(tag: number, size: number, write: (to: Buffer) => void): Buffer {
  const bytes = Buffer.allocUnsafe(1 + size);
  bytes[0] = tag;
  write(bytes);
  return bytes;
}

interface Widths {
  readonly fix?: number;
  readonly fixMax?: number;
  readonly wide8?: number;
  readonly wide16: number;
  readonly wide32: number;
}

function head(length: number, { fix, fixMax = -1, wide8, wide16, wide32 }: Widths): Buffer {
  if (fix !== undefined && length <= fixMax) return Buffer.from([fix | length]);
  if (wide8 !== undefined && length <= 0xff) return Buffer.from([wide8, length]);
  if (length <= 0xffff) return wide(wide16, 2, (to) => to.writeUInt16BE(length, 1));
  return wide(wide32, 4, (to) => to.writeUInt32BE(length, 1));
}
