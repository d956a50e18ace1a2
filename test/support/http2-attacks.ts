/** What hostile clients send over HTTP/2 (T12 to T20), for the test that bounds it and the benchmark of those beside it. */
import { CONNECTION_SEND_BYTES_MAX } from "../../src/core/limits.ts";
import { frame, uint32 } from "./http2-frame-recorder.ts";
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  type Http2ClientOptions,
  literalBlock,
  requestFields,
} from "./raw-http2-client.ts";

export interface Http2Attack {
  readonly name: string;
  /** What each connection sends behind its opening. */
  readonly bytes: Buffer;
  readonly options?: Http2ClientOptions;
  /** Whether the attacker leaves unread what the proxy sends. */
  readonly isDeaf?: boolean;
  /** The proxy ends the connection; otherwise all streams of this one come to their end. */
  readonly outcome: "connection ends" | "calm" | readonly number[];
  /** What the proxy may hold for each connection by its own bounds. */
  readonly heldBytesMax?: number;
  /** It makes the proxy wait, so that its connections are there at the same time. */
  readonly isSlow?: boolean;
  /** Connections one after the other, as many as the test says when left out. */
  readonly rounds?: number;
}

function times(count: number, make: (i: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
}

const GET = literalBlock(requestFields("/small"));
const GET_LARGE = literalBlock(requestFields("/large"));
const POST = literalBlock(requestFields("/small", ["content-length", "1000"]));
const SECRET = "a".repeat(4_000);
/** A field that goes into the dynamic table, then references to it: 4 KB for each byte. */
const BOMB = Buffer.concat([
  literalBlock(requestFields("/small")),
  Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]),
  Buffer.from(SECRET, "latin1"),
  Buffer.alloc(10_000, 0xbe),
]);

/** Paths that the app behind the proxy knows: `/small`, and `/large` with 1 MB. */
export const HTTP2_ATTACKS: readonly Http2Attack[] = [
  {
    name: "rapid reset",
    bytes: times(2_000, (i) =>
      Buffer.concat([
        frame(FRAME.headers, END_HEADERS | END_STREAM, 2 * i + 1, GET),
        frame(FRAME.rstStream, 0, 2 * i + 1, uint32(8)),
      ]),
    ),
    outcome: "calm",
  },
  {
    name: "resets that the peer provokes",
    bytes: times(2_000, (i) =>
      Buffer.concat([
        frame(FRAME.headers, END_HEADERS | END_STREAM, 2 * i + 1, GET),
        frame(FRAME.windowUpdate, 0, 2 * i + 1, uint32(0)),
      ]),
    ),
    outcome: "calm",
  },
  {
    name: "CONTINUATION flood",
    bytes: Buffer.concat([
      frame(FRAME.headers, 0, 1, GET),
      times(100, () => frame(FRAME.continuation, 0, 1, literalBlock([["x-a", SECRET]]))),
    ]),
    outcome: "calm",
  },
  {
    name: "CONTINUATION flood without a byte",
    bytes: Buffer.concat([
      frame(FRAME.headers, 0, 1, GET),
      times(10_000, () => frame(FRAME.continuation, 0, 1)),
    ]),
    outcome: "calm",
  },
  {
    name: "SETTINGS flood",
    bytes: times(20_000, () => frame(FRAME.settings, 0, 0)),
    outcome: "calm",
  },
  {
    name: "PING flood",
    bytes: times(20_000, () => frame(FRAME.ping, 0, 0, "12345678")),
    outcome: "calm",
  },
  {
    name: "PING flood of one who does not read",
    bytes: times(100_000, () => frame(FRAME.ping, 0, 0, "12345678")),
    isDeaf: true,
    outcome: "connection ends",
  },
  {
    name: "DATA without a byte",
    bytes: Buffer.concat([
      frame(FRAME.headers, END_HEADERS, 1, GET),
      times(10_000, () => frame(FRAME.data, 0, 1)),
    ]),
    outcome: "calm",
  },
  {
    name: "PRIORITY flood",
    bytes: times(10_000, (i) => frame(FRAME.priority, 0, 2 * i + 1, Buffer.alloc(5))),
    outcome: "calm",
  },
  {
    name: "WINDOW_UPDATE flood",
    bytes: times(10_000, () => frame(FRAME.windowUpdate, 0, 0, uint32(1))),
    outcome: "calm",
  },
  {
    name: "frames of unknown type",
    bytes: times(10_000, () => frame(0xbb, 0, 0, "x")),
    outcome: "calm",
  },
  {
    name: "HPACK bomb",
    bytes: frame(FRAME.headers, END_HEADERS | END_STREAM, 1, BOMB),
    outcome: "calm",
  },
  {
    name: "a hundred small answers, none of which is read",
    bytes: times(100, (i) => frame(FRAME.headers, END_HEADERS | END_STREAM, 2 * i + 1, GET)),
    options: { windowBytes: 0 },
    outcome: [],
  },
  {
    name: "a hundred answers of 1 MB, none of which is read",
    bytes: times(100, (i) => frame(FRAME.headers, END_HEADERS | END_STREAM, 2 * i + 1, GET_LARGE)),
    options: { windowBytes: 0 },
    outcome: [],
    heldBytesMax: 2 * CONNECTION_SEND_BYTES_MAX,
    // More would use up the connections to the app, of which a cluster has 1,024.
    rounds: 4,
  },
  {
    name: "fields that do not come to their end",
    bytes: frame(FRAME.headers, 0, 1, GET),
    // An acknowledgement would stand within the fields.
    options: { answers: false },
    outcome: "calm",
    isSlow: true,
  },
  {
    name: "a body that does not come to its end",
    bytes: Buffer.concat([
      frame(FRAME.headers, END_HEADERS, 1, POST),
      frame(FRAME.data, 0, 1, "x"),
    ]),
    outcome: [1],
    isSlow: true,
  },
];
