import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import {
  CONCURRENT_STREAMS_MAX,
  CONNECTION_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
  STREAM_WINDOW_GROWN_BYTES_MAX,
} from "../core/limits.ts";
import { ERROR_CODE } from "./error-code.ts";
import { INITIAL_WINDOW_BYTES, SendWindow } from "./flow-window.ts";
import { ReceiveWindows, StreamReceiveWindow } from "./flow-window-receive.ts";
import { connectionError, RECEIPT_FINE, streamError } from "./stream-state.ts";

const CONNECTION_ERROR = connectionError(ERROR_CODE.flowControlError);
const STREAM_ERROR = streamError(ERROR_CODE.flowControlError);

function opened(windows: ReceiveWindows): StreamReceiveWindow {
  const stream = new StreamReceiveWindow();
  windows.open(stream);
  return stream;
}

function ready(): ReceiveWindows {
  const windows = new ReceiveWindows();
  windows.takeIncrement();
  return windows;
}

describe("receive windows", () => {
  test("of the connection open beyond the RFC's first size at once", () => {
    const windows = new ReceiveWindows();
    assert.equal(windows.available, INITIAL_WINDOW_BYTES);
    assert.equal(windows.takeIncrement(), CONNECTION_WINDOW_BYTES - INITIAL_WINDOW_BYTES);
    assert.equal(windows.takeIncrement(), 0);
  });

  test("refuse more than was granted", () => {
    const windows = ready();
    const stream = opened(windows);
    assert.equal(windows.receive(stream, STREAM_WINDOW_BYTES), RECEIPT_FINE);
    assert.equal(windows.receive(stream, 1), STREAM_ERROR);
    assert.equal(windows.receive(undefined, windows.available + 1), CONNECTION_ERROR);
    assert.equal(windows.receive(undefined, windows.available), RECEIPT_FINE);
    assert.equal(windows.held, STREAM_WINDOW_BYTES);
  });

  test("are credited only for what was passed on, by half a window", () => {
    const windows = ready();
    const stream = opened(windows);
    windows.receive(stream, STREAM_WINDOW_BYTES);
    assert.equal(windows.takeStreamIncrement(stream), 0);
    windows.pass(stream, 32_767);
    assert.equal(windows.takeStreamIncrement(stream), 0);
    windows.pass(stream, 1);
    assert.equal(windows.takeStreamIncrement(stream), 32_768);
    assert.equal(windows.takeStreamIncrement(stream), 0);
  });

  test("of a stream grow while its reader keeps up, and shrink when it does not", () => {
    const windows = ready();
    const stream = opened(windows);
    for (let i = 0; i < 1000; i++) {
      windows.receive(stream, 16_384);
      windows.pass(stream, 16_384);
      windows.takeStreamIncrement(stream);
      windows.takeIncrement();
    }
    assert.equal(stream.size, STREAM_WINDOW_GROWN_BYTES_MAX);
    const burst = stream.available;
    windows.receive(stream, burst);
    windows.pass(stream, burst);
    const increment = windows.takeStreamIncrement(stream);
    assert.equal(stream.size, STREAM_WINDOW_BYTES);
    assert.ok(increment > 0 && stream.available <= STREAM_WINDOW_BYTES);
  });

  test("that grow leave every stream its own", () => {
    const windows = ready();
    const streams = Array.from({ length: CONCURRENT_STREAMS_MAX }, () => opened(windows));
    for (let turn = 0; turn < 200; turn++) {
      for (const stream of streams) {
        windows.receive(stream, 16_384);
        windows.pass(stream, 16_384);
        windows.takeStreamIncrement(stream);
        windows.takeIncrement();
      }
    }
    const promised = streams.reduce((sum, { size }) => sum + size, 0);
    assert.equal(promised, CONNECTION_WINDOW_BYTES);
    for (const stream of streams) windows.close(stream);
    const grown = opened(windows);
    for (let i = 0; i < 200; i++) {
      windows.receive(grown, 16_384);
      windows.pass(grown, 16_384);
      windows.takeStreamIncrement(grown);
      windows.takeIncrement();
    }
    assert.equal(grown.size, STREAM_WINDOW_GROWN_BYTES_MAX);
  });

  test("of 99 stalled streams leave the last its full rate", () => {
    const windows = ready();
    const streams = Array.from({ length: CONCURRENT_STREAMS_MAX - 1 }, () => opened(windows));
    for (const stream of streams) {
      assert.equal(windows.receive(stream, stream.available), RECEIPT_FINE);
      windows.takeIncrement();
    }
    const last = opened(windows);
    for (let i = 0; i < 5000; i++) {
      const count = Math.min(16_384, last.available, windows.available);
      assert.ok(count > 0);
      assert.equal(windows.receive(last, count), RECEIPT_FINE);
      windows.pass(last, count);
      windows.takeIncrement();
      windows.takeStreamIncrement(last);
    }
  });

  test("of a stream that ends unread go back to the connection", () => {
    const windows = ready();
    const before = windows.available;
    const stream = opened(windows);
    windows.receive(stream, 50_000);
    windows.end(stream);
    windows.pass(stream, 10_000);
    assert.equal(windows.takeStreamIncrement(stream), 0);
    windows.close(stream);
    windows.close(stream);
    assert.equal(windows.held, 0);
    windows.receive(undefined, windows.available);
    assert.equal(windows.takeIncrement(), before);
  });

  test("of streams are not below the RFC's first window", () => {
    const small = {
      streamsMax: 2,
      streamBytes: 65_534,
      streamBytesMax: 65_535,
      connectionBytes: 200_000,
    };
    assert.throws(() => new ReceiveWindows(small), /not below/);
  });
});

describe("receive windows against the peer's own account", () => {
  /** A small connection, so that its window is often the one that binds. */
  const SIZES = {
    streamsMax: 4,
    streamBytes: 65_535,
    streamBytesMax: 200_000,
    connectionBytes: 350_000,
  };

  class Peer {
    readonly windows = new ReceiveWindows(SIZES);
    readonly connection = new SendWindow();
    readonly streams = Array.from({ length: SIZES.streamsMax }, () => this.#stream());
    #stream() {
      return { own: opened(this.windows), window: new SendWindow(), isEnded: false };
    }

    send(which: number, wanted: number): void {
      const { own, window, isEnded } = this.streams[which]!;
      const count = Math.min(wanted, window.bytes, this.connection.bytes);
      if (isEnded || count <= 0) return;
      window.consume(count);
      this.connection.consume(count);
      assert.equal(this.windows.receive(own, count), RECEIPT_FINE);
      this.creditConnection();
    }

    read(which: number, wanted: number): void {
      const stream = this.streams[which]!;
      this.windows.pass(stream.own, Math.min(wanted, stream.own.held));
      const increment = this.windows.takeStreamIncrement(stream.own);
      if (increment > 0) assert.ok(stream.window.credit(increment));
      this.creditConnection();
    }

    end(which: number): void {
      const stream = this.streams[which]!;
      stream.isEnded = true;
      this.windows.end(stream.own);
    }

    reopen(which: number): void {
      this.windows.close(this.streams[which]!.own);
      this.streams[which] = this.#stream();
      this.creditConnection();
    }

    creditConnection(): void {
      const increment = this.windows.takeIncrement();
      if (increment > 0) assert.ok(this.connection.credit(increment));
    }

    check(): void {
      assert.equal(this.connection.bytes, this.windows.available);
      assert.equal(
        this.windows.held,
        this.streams.reduce((sum, { own }) => sum + own.held, 0),
      );
      assert.ok(this.windows.held <= SIZES.connectionBytes);
      for (const { own, window, isEnded } of this.streams) {
        if (isEnded) continue;
        assert.equal(window.bytes, own.available);
        assert.equal(own.size, own.available + own.held + own.pending);
        // Nobody is shut out: whoever may send on a stream may send on the connection.
        if (own.available > 0) assert.ok(this.connection.bytes > 0);
        // Nor is anyone forgotten: a window is closed only by bytes that are still to be read.
        if (own.available === 0) assert.ok(own.held > 0);
      }
    }
  }

  test("let nobody grow by what an ended stream still holds", () => {
    const peer = new Peer();
    peer.creditConnection();
    // The first stream grows, fills its window and ends, unread.
    peer.send(0, 1e9);
    peer.read(0, 1e9);
    peer.send(0, 1e9);
    peer.end(0);
    for (const which of [2, 3]) peer.send(which, 1e9);
    peer.read(2, 1e9);
    peer.send(1, 1e9);
    peer.send(2, 1e9);
    peer.check();
  });

  test("never go out of step, shut a stream out or leak", () => {
    const step = fc.record({
      action: fc.constantFrom("send", "send", "send", "read", "read", "end", "reopen"),
      which: fc.nat(SIZES.streamsMax - 1),
      count: fc.oneof(fc.nat(16_384), fc.nat(70_000), fc.constant(1e9)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: "max" }), (script) => {
        const peer = new Peer();
        peer.creditConnection();
        for (const { action, which, count } of script) {
          if (action === "send") peer.send(which, count);
          if (action === "read") peer.read(which, count);
          if (action === "end") peer.end(which);
          if (action === "reopen") peer.reopen(which);
          peer.check();
        }
        for (let which = 0; which < SIZES.streamsMax; which++) peer.reopen(which);
        // What other streams had grown by is there for the next.
        for (let i = 0; i < 40; i++) {
          peer.send(0, 16_384);
          peer.read(0, 1e9);
          peer.check();
        }
        const sizes = peer.streams.map(({ own }) => own.size);
        assert.deepEqual(sizes.slice(1), [65_535, 65_535, 65_535]);
        assert.equal(sizes[0], SIZES.connectionBytes - 3 * 65_535);
        assert.equal(peer.windows.held, 0);
        // Everything came back: with what is pending, the whole window.
        peer.windows.receive(undefined, peer.windows.available);
        assert.equal(peer.windows.takeIncrement(), SIZES.connectionBytes);
      }),
      { numRuns: 300 },
    );
  });
});
