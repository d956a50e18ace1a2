import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import { CLOSED_STREAMS_REMEMBERED_MAX } from "../core/limits.ts";
import { ERROR_CODE } from "./error-code.ts";
import { FRAME_DATA, FRAME_HEADERS, FRAME_RST_STREAM, UINT31_MAX } from "./frame.ts";
import { StreamIds } from "./stream-ids.ts";
import {
  connectionError,
  RECEIPT_FINE,
  RECEIPT_IGNORED,
  STREAM_ENDED,
  STREAM_FORGOTTEN,
  STREAM_IDLE,
  STREAM_RESET_LOCAL,
  STREAM_RESET_REMOTE,
  STREAM_SKIPPED,
  streamError,
} from "./stream-state.ts";

const PROTOCOL_ERROR = connectionError(ERROR_CODE.protocolError);
const STREAM_CLOSED = connectionError(ERROR_CODE.streamClosed);

describe("a server's identifiers", () => {
  test("are odd and grow; lower ones are closed by higher ones", () => {
    const ids = new StreamIds("server");
    assert.equal(ids.newestId, 0);
    assert.equal(ids.receiptOf(2, FRAME_HEADERS), PROTOCOL_ERROR);
    assert.equal(ids.receiptOf(5, FRAME_HEADERS), RECEIPT_FINE);
    ids.open(5);
    assert.equal(ids.newestId, 5);
    assert.equal(ids.receiptOf(3, FRAME_HEADERS), PROTOCOL_ERROR);
    assert.equal(ids.receiptOf(3, FRAME_DATA), STREAM_CLOSED);
    assert.equal(ids.receiptOf(7, FRAME_DATA), PROTOCOL_ERROR);
    assert.equal(ids.receiptOf(7, FRAME_HEADERS), RECEIPT_FINE);
  });

  test("remember how their streams ended", () => {
    const ids = new StreamIds("server");
    for (const id of [1, 3, 5]) ids.open(id);
    ids.close(1, STREAM_ENDED);
    ids.close(3, STREAM_RESET_LOCAL);
    ids.close(5, STREAM_RESET_REMOTE);
    assert.equal(ids.receiptOf(1, FRAME_HEADERS), STREAM_CLOSED);
    assert.equal(ids.receiptOf(3, FRAME_HEADERS), RECEIPT_IGNORED);
    assert.equal(ids.receiptOf(5, FRAME_HEADERS), streamError(ERROR_CODE.streamClosed));
    assert.equal(ids.receiptOf(5, FRAME_RST_STREAM), RECEIPT_IGNORED);
    ids.close(5, STREAM_RESET_LOCAL);
    assert.equal(ids.receiptOf(5, FRAME_HEADERS), RECEIPT_IGNORED);
  });

  test("above the one that a GOAWAY named are dropped, frames of all kinds", () => {
    const ids = new StreamIds("server");
    ids.open(1);
    ids.sentGoaway(UINT31_MAX);
    assert.equal(ids.receiptOf(3, FRAME_HEADERS), RECEIPT_FINE);
    ids.open(3);
    ids.sentGoaway(ids.newestId);
    assert.equal(ids.receiptOf(5, FRAME_HEADERS), RECEIPT_IGNORED);
    assert.equal(ids.receiptOf(5, FRAME_DATA), RECEIPT_IGNORED);
    assert.equal(ids.receiptOf(6, FRAME_HEADERS), PROTOCOL_ERROR);
  });

  test("agree with a model that forgets nothing", () => {
    const steps = fc.array(
      fc.record({ skip: fc.oneof(fc.nat(3), fc.nat(600)), end: fc.constantFrom(4, 5, 6) }),
      { maxLength: 400, size: "max" },
    );
    fc.assert(
      fc.property(steps, (script) => {
        const ids = new StreamIds("server");
        const model = new Map<number, 4 | 5 | 6>();
        let id = -1;
        for (const { skip, end } of script) {
          id += 2 + skip * 2;
          ids.open(id);
          ids.close(id, end as 4 | 5 | 6);
          model.set(id, end as 4 | 5 | 6);
          const oldest = id - 2 * (CLOSED_STREAMS_REMEMBERED_MAX - 1);
          if (oldest > 0) assert.equal(ids.stateOf(oldest), model.get(oldest) ?? STREAM_SKIPPED);
        }
        for (let old = 1; old <= id; old += 2) {
          const isForgotten = id - old >= CLOSED_STREAMS_REMEMBERED_MAX * 2;
          const expected = isForgotten ? STREAM_FORGOTTEN : (model.get(old) ?? STREAM_SKIPPED);
          assert.equal(ids.stateOf(old), expected);
        }
        assert.equal(ids.stateOf(id + 2), STREAM_IDLE);
      }),
      { numRuns: 30 },
    );
  });

  test("of streams that outlive the ring do not disturb it when they close", () => {
    const ids = new StreamIds("server");
    ids.open(1);
    for (let id = 3; id < 1000; id += 2) {
      ids.open(id);
      ids.close(id, STREAM_ENDED);
    }
    ids.close(1, STREAM_RESET_LOCAL);
    assert.equal(ids.receiptOf(1, FRAME_DATA), RECEIPT_IGNORED);
    for (let id = 999; id > 999 - 2 * CLOSED_STREAMS_REMEMBERED_MAX; id -= 2) {
      assert.equal(ids.stateOf(id), STREAM_ENDED);
    }
  });

  test("that are idle are not closed by a stream error", () => {
    const ids = new StreamIds("server");
    ids.open(1);
    ids.close(1, STREAM_ENDED);
    ids.close(1 + 2 * CLOSED_STREAMS_REMEMBERED_MAX, STREAM_RESET_LOCAL);
    assert.equal(ids.stateOf(1), STREAM_ENDED);
  });

  test("that are open have an object", () => {
    const ids = new StreamIds("server");
    ids.open(1);
    assert.throws(() => ids.stateOf(1), /an open stream has an object/);
    assert.throws(() => ids.open(1), /odd and grow/);
    assert.throws(() => ids.open(4), /odd and grow/);
  });
});

describe("a client's identifiers", () => {
  test("are odd and consecutive, and the server opens none", () => {
    const ids = new StreamIds("client");
    assert.deepEqual([ids.openNext(), ids.openNext(), ids.openNext()], [1, 3, 5]);
    assert.equal(ids.receiptOf(7, FRAME_HEADERS), PROTOCOL_ERROR);
    assert.equal(ids.receiptOf(2, FRAME_HEADERS), PROTOCOL_ERROR);
    ids.close(1, STREAM_ENDED);
    assert.equal(ids.receiptOf(1, FRAME_HEADERS), STREAM_CLOSED);
  });

  test("end with the last one of 31 bits", () => {
    const ids = new StreamIds("client");
    ids.open(UINT31_MAX - 2);
    assert.equal(ids.openNext(), UINT31_MAX);
    assert.equal(ids.openNext(), 0);
  });

  test("end with a GOAWAY, whose last identifier may only shrink", () => {
    const ids = new StreamIds("client");
    for (let i = 0; i < 4; i++) ids.openNext();
    assert.ok(ids.isProcessed(7));
    assert.ok(ids.receivedGoaway(UINT31_MAX));
    assert.equal(ids.openNext(), 0);
    assert.ok(ids.receivedGoaway(3));
    assert.ok(ids.isProcessed(3));
    assert.ok(!ids.isProcessed(5));
    assert.ok(!ids.receivedGoaway(5));
    assert.ok(ids.receivedGoaway(3));
  });
});
