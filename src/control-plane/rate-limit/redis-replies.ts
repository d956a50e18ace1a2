/** The answers of Redis read from bytes: RESP 2 (redis.io/docs/latest/develop/reference/protocol-spec). */

export class RedisError extends Error {}

export type RedisReply = string | number | null | RedisError | readonly RedisReply[];

const CR = 0x0d;
/** More in one answer comes from no script of ours. */
const REPLY_BYTES_MAX = 1024 * 1024;

interface Parsed {
  readonly reply: RedisReply;
  readonly end: number;
}

export class RedisReplyReader {
  #pending: Buffer = Buffer.alloc(0);

  /** Every answer that is whole by now. Throws on bytes that are none. */
  push(bytes: Buffer): RedisReply[] {
    let rest = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const replies: RedisReply[] = [];
    for (let parsed = parse(rest, 0); parsed !== undefined; parsed = parse(rest, 0)) {
      replies.push(parsed.reply);
      rest = rest.subarray(parsed.end);
    }
    if (rest.length > REPLY_BYTES_MAX) throw new RedisError("an answer is too long");
    this.#pending = rest;
    return replies;
  }
}

/** Undefined when more bytes are needed. */
function parse(bytes: Buffer, start: number): Parsed | undefined {
  const lineEnd = bytes.indexOf(CR, start);
  if (lineEnd < 0 || lineEnd + 1 >= bytes.length) return undefined;
  const text = bytes.toString("utf8", start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (bytes.toString("latin1", start, start + 1)) {
    case "+":
      return { reply: text, end };
    case "-":
      return { reply: new RedisError(text), end };
    case ":":
      return { reply: Number(text), end };
    case "$":
      return parseBulk(bytes, Number(text), end);
    case "*":
      return parseArray(bytes, Number(text), end);
    default:
      throw new RedisError("this is no Redis server");
  }
}

function parseBulk(bytes: Buffer, length: number, start: number): Parsed | undefined {
  if (length < 0) return { reply: null, end: start };
  const end = start + length;
  if (bytes.length < end + 2) return undefined;
  return { reply: bytes.toString("utf8", start, end), end: end + 2 };
}

function parseArray(bytes: Buffer, count: number, start: number): Parsed | undefined {
  if (count < 0) return { reply: null, end: start };
  const replies: RedisReply[] = [];
  let end = start;
  for (let index = 0; index < count; index++) {
    const parsed = parse(bytes, end);
    if (parsed === undefined) return undefined;
    replies.push(parsed.reply);
    end = parsed.end;
  }
  return { reply: replies, end };
}
