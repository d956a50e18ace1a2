/**
 * The states of a stream and what they allow (RFC 9113 section 5.1), for both roles: the same rules,
 * told from this side. Push is off (SETTINGS_ENABLE_PUSH 0), so nothing is ever reserved.
 *
 *                      idle
 *                       │ HEADERS, by either side
 *          END_STREAM   ▼   END_STREAM
 *        received ┌── open ──┐ sent
 *                 ▼          ▼
 *       half-closed        half-closed
 *         (remote)           (local)
 *                 │          │
 *            sent └─► closed ◄┘ received        RST_STREAM leads from every state but idle to closed
 */
import { ERROR_CODE, type ErrorCode } from "./error-code.ts";
import {
  FRAME_DATA,
  FRAME_HEADERS,
  FRAME_PRIORITY,
  FRAME_RST_STREAM,
  FRAME_WINDOW_UPDATE,
} from "./frame.ts";

export const STREAM_IDLE = 0;
export const STREAM_OPEN = 1;
/** This side sent END_STREAM and may still receive. */
export const STREAM_HALF_CLOSED_LOCAL = 2;
/** The peer sent END_STREAM and may still receive. */
export const STREAM_HALF_CLOSED_REMOTE = 3;
/** END_STREAM went both ways. This and all later states are closed ones. */
export const STREAM_ENDED = 4;
/** This side sent RST_STREAM: what the peer sent before it read that is still on its way. */
export const STREAM_RESET_LOCAL = 5;
/** The peer sent RST_STREAM. */
export const STREAM_RESET_REMOTE = 6;
/** Never opened, and closed by the opening of a later one (section 5.1.1). */
export const STREAM_SKIPPED = 7;
/** Closed so long ago that it is no longer known how, or opened by the peer after our GOAWAY (section 6.8). */
export const STREAM_FORGOTTEN = 8;

/** One of the STREAM_ constants. */
export type StreamState = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
export type ClosedStreamState = 4 | 5 | 6 | 7 | 8;

/** The frame is to be acted on. */
export const RECEIPT_FINE = 0;
/**
 * The frame is to be dropped, after the least there is to do: HEADERS go through the HPACK decoder, and
 * DATA count for the window of the connection and are credited at once (section 5.1, "closed").
 */
export const RECEIPT_IGNORED = 1;
/** Above: errors. The code is in the low byte. */
const STREAM_ERROR = 0x100;
const CONNECTION_ERROR = 0x200;

const STATE_COUNT = 9;
/** Types 0x0 to 0x9, of which unknown ones are none, in rows of a power of two. */
const KNOWN_TYPE_COUNT = 10;
const ROW_BITS = 4;

const RECEIPTS = createReceipts();

/** A stream error (section 5.4.2): the stream is to be reset with this code. */
export function streamError(code: ErrorCode): number {
  return STREAM_ERROR | code;
}

/** A connection error (section 5.4.1): GOAWAY with this code. */
export function connectionError(code: ErrorCode): number {
  return CONNECTION_ERROR | code;
}

export function isStreamError(receipt: number): boolean {
  return (receipt & STREAM_ERROR) !== 0;
}

export function isConnectionError(receipt: number): boolean {
  return (receipt & CONNECTION_ERROR) !== 0;
}

/** The code of section 7 in an error. */
export function receiptErrorCode(receipt: number): ErrorCode {
  return (receipt & 0xff) as ErrorCode;
}

/**
 * What to do with a frame that came for a stream in this state: RECEIPT_FINE, RECEIPT_IGNORED or an
 * error. HEADERS on an idle stream are fine here; `StreamIds` knows who may open it.
 */
export function receiptOf(state: StreamState, frameType: number): number {
  // RFC 9113 section 5.5: unknown types are dropped, in any state.
  if (frameType >= KNOWN_TYPE_COUNT) return RECEIPT_IGNORED;
  return RECEIPTS[(state << ROW_BITS) | frameType] as number;
}

export function isClosed(state: StreamState): state is ClosedStreamState {
  return state >= STREAM_ENDED;
}

/** Whether this side may send HEADERS and DATA (sections 5.1 and 6.1). An idle stream is opened first. */
export function canSend(state: StreamState): boolean {
  return state === STREAM_OPEN || state === STREAM_HALF_CLOSED_REMOTE;
}

/** Whether the peer may send HEADERS and DATA. */
export function canReceive(state: StreamState): boolean {
  return state === STREAM_OPEN || state === STREAM_HALF_CLOSED_LOCAL;
}

/** The state after the peer's END_STREAM, on a frame that was fine. */
export function stateAfterEndReceived(state: StreamState): StreamState {
  return state === STREAM_HALF_CLOSED_LOCAL ? STREAM_ENDED : STREAM_HALF_CLOSED_REMOTE;
}

/** The state after this side's END_STREAM, on a frame that `canSend` allowed. */
export function stateAfterEndSent(state: StreamState): StreamState {
  return state === STREAM_HALF_CLOSED_REMOTE ? STREAM_ENDED : STREAM_HALF_CLOSED_LOCAL;
}

function createReceipts(): Uint16Array {
  const receipts = new Uint16Array(STATE_COUNT << ROW_BITS);
  // Types without a place on a stream. RFC 9113 sections 6.5, 6.7 and 6.8: SETTINGS, PING and GOAWAY on
  // a stream are connection errors. Section 8.4: so is PUSH_PROMISE where push is off. Section 6.10: so
  // is CONTINUATION where no field block is open; within a block it is part of HEADERS.
  receipts.fill(connectionError(ERROR_CODE.protocolError));
  for (let state = 0; state < STATE_COUNT; state++) {
    for (const [type, receipt] of rowOf(state as StreamState)) {
      receipts[(state << ROW_BITS) | type] = receipt;
    }
    // Section 6.3: PRIORITY may come in any state. It has no effect (section 5.3).
    receipts[(state << ROW_BITS) | FRAME_PRIORITY] = RECEIPT_FINE;
  }
  return receipts;
}

function rowOf(state: StreamState): readonly (readonly [type: number, receipt: number])[] {
  const closedConnection = connectionError(ERROR_CODE.streamClosed);
  switch (state) {
    case STREAM_IDLE:
      // "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be treated as
      // a connection error of type PROTOCOL_ERROR."
      return [[FRAME_HEADERS, RECEIPT_FINE]];
    case STREAM_OPEN:
    case STREAM_HALF_CLOSED_LOCAL:
      return row(RECEIPT_FINE, RECEIPT_FINE, RECEIPT_FINE);
    case STREAM_HALF_CLOSED_REMOTE:
      // "If an endpoint receives additional frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM,
      // for a stream that is in this state, it MUST respond with a stream error of type STREAM_CLOSED."
      return row(streamError(ERROR_CODE.streamClosed), RECEIPT_FINE, RECEIPT_FINE);
    case STREAM_ENDED:
      // A message after END_STREAM was no race: "An endpoint MAY treat receipt of any other type of frame
      // on a closed stream as a connection error of type STREAM_CLOSED". But the peer "might" have sent
      // WINDOW_UPDATE or RST_STREAM before it read our END_STREAM.
      return row(closedConnection, RECEIPT_IGNORED, RECEIPT_IGNORED);
    case STREAM_RESET_LOCAL:
      // "An endpoint that sends a RST_STREAM … could receive any type of frame … MUST minimally process
      // and then discard". Where it had been half-closed (remote) this hides a fault of the peer: one
      // answer to a stream was enough.
      return row(RECEIPT_IGNORED, RECEIPT_IGNORED, RECEIPT_IGNORED);
    case STREAM_RESET_REMOTE:
      // The fault is confined to the stream, so a stream error is the mildest that section 6.1 allows
      // (RFC 7540 asked for it, and h2spec does). Section 5.4.2: RST_STREAM is not answered by another.
      return row(streamError(ERROR_CODE.streamClosed), RECEIPT_IGNORED, RECEIPT_IGNORED);
    case STREAM_SKIPPED:
      // Section 5.1.1: HEADERS would open an identifier below that of an opened stream, which MUST be a
      // connection error of type PROTOCOL_ERROR. No frame of ours can have caused any other one.
      return [
        ...row(closedConnection, closedConnection, closedConnection),
        [FRAME_HEADERS, connectionError(ERROR_CODE.protocolError)],
      ];
    case STREAM_FORGOTTEN:
      // "An endpoint can perform this minimal processing for all streams that are in the closed state."
      return row(RECEIPT_IGNORED, RECEIPT_IGNORED, RECEIPT_IGNORED);
  }
}

function row(
  message: number,
  reset: number,
  windowUpdate: number,
): (readonly [type: number, receipt: number])[] {
  return [
    [FRAME_DATA, message],
    [FRAME_HEADERS, message],
    [FRAME_RST_STREAM, reset],
    [FRAME_WINDOW_UPDATE, windowUpdate],
  ];
}
