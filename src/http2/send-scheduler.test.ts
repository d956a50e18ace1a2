import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import {
  CONCURRENT_STREAMS_MAX,
  CONNECTION_SEND_BYTES_MAX,
  READ_BUFFER_BYTES,
  SEND_QUANTUM_BYTES,
  STREAM_SEND_BYTES_MAX,
  STREAM_SEND_LOW_BYTES,
} from "../core/limits.ts";
import { SendWindow } from "./flow-window.ts";
import { SendEntry, SendScheduler } from "./send-scheduler.ts";

const WIDE = 1_000_000_000;

function scheduler(windowBytes = WIDE): [SendScheduler<string>, SendWindow] {
  const window = new SendWindow(windowBytes);
  return [new SendScheduler<string>(window), window];
}

function entry(name: string, windowBytes = WIDE): SendEntry<string> {
  return new SendEntry(name, windowBytes);
}

/** Grants until there is none, as `name:bytes`, with `!` on the last of a stream. */
function drain(sends: SendScheduler<string>): string[] {
  const grants: string[] = [];
  for (let next = sends.next(); next !== undefined; next = sends.next()) {
    grants.push(`${next.stream}:${next.grantedBytes}${next.isGrantLast ? "!" : ""}`);
  }
  assert.ok(!sends.isReady);
  return grants;
}

describe("turns", () => {
  test("go round, a quantum each, so that a small body waits for one frame of a large one", () => {
    const [sends] = scheduler();
    const [large, small] = [entry("large"), entry("small")];
    sends.queue(large, 40_000);
    sends.queue(small, 100);
    sends.end(small);
    assert.deepEqual(drain(sends), ["large:16384", "small:100!", "large:16384", "large:7232"]);
  });

  test("pass over a stream without window, which goes on when it opens", () => {
    const [sends] = scheduler();
    const [stalled, open] = [entry("stalled", 10), entry("open")];
    sends.queue(stalled, 20);
    sends.queue(open, 20);
    sends.end(stalled);
    assert.deepEqual(drain(sends), ["stalled:10", "open:20"]);
    sends.windowOpened(stalled);
    assert.deepEqual(drain(sends), []);
    stalled.credit(100);
    sends.windowOpened(stalled);
    sends.windowOpened(stalled);
    assert.deepEqual(drain(sends), ["stalled:10!"]);
  });

  test("stop when the connection's window is used up, and go on where they stopped", () => {
    const [sends, window] = scheduler(25);
    const [a, b] = [entry("a"), entry("b")];
    sends.queue(a, 20);
    sends.queue(b, 20);
    assert.deepEqual(drain(sends), ["a:20", "b:5"]);
    window.credit(100);
    assert.ok(sends.isReady);
    assert.deepEqual(drain(sends), ["b:15"]);
  });

  test("need no window for an end alone", () => {
    const [sends] = scheduler(0);
    const [a, b] = [entry("a", -5), entry("b")];
    sends.queue(b, 10);
    sends.end(a);
    assert.ok(sends.isReady);
    assert.deepEqual(drain(sends), ["a:0!"]);
  });

  test("skip a stream whose window SETTINGS closed", () => {
    const [sends] = scheduler();
    const a = entry("a");
    sends.queue(a, 10);
    a.shift(-WIDE - 7);
    assert.deepEqual(drain(sends), []);
    a.shift(10);
    sends.windowOpened(a);
    assert.deepEqual(drain(sends), ["a:3"]);
  });

  test("are lost with their stream", () => {
    const [sends] = scheduler();
    const [a, b, c] = [entry("a"), entry("b"), entry("c")];
    for (const one of [a, b, c]) sends.queue(one, 10);
    assert.equal(sends.remove(b), 10);
    assert.equal(sends.remove(b), 0);
    sends.end(b);
    assert.equal(sends.remove(b), 0);
    assert.equal(sends.queuedBytes, 20);
    assert.deepEqual(drain(sends), ["a:10", "c:10"]);
  });

  test("end once, with nothing behind the end", () => {
    const [sends] = scheduler();
    const a = entry("a");
    sends.queue(a, 10);
    sends.end(a);
    assert.throws(() => sends.end(a), /ends once/);
    assert.throws(() => sends.queue(a, 1), /nothing is sent after the end/);
  });
});

describe("the short way", () => {
  test("sends at once what windows allow", () => {
    const [sends, window] = scheduler(100);
    const a = entry("a", 60);
    assert.equal(sends.grantNow(a, 50), 50);
    assert.equal(sends.grantNow(a, 50), 10);
    assert.equal(sends.grantNow(a, 50), 0);
    assert.equal(window.bytes, 40);
    assert.equal(sends.grantNow(entry("b"), 50), 40);
    assert.equal(sends.grantNow(entry("b"), 50), 0);
  });

  test("is closed while others wait for their turn, not while they are stalled", () => {
    const [sends] = scheduler();
    const [a, b, stalled] = [entry("a"), entry("b"), entry("stalled", 0)];
    sends.queue(stalled, 10);
    assert.equal(sends.grantNow(b, 10), 10);
    sends.queue(a, 10);
    assert.equal(sends.grantNow(b, 10), 0);
    assert.equal(sends.grantNow(a, 10), 0);
    drain(sends);
    assert.equal(sends.grantNow(a, 10), 10);
    assert.equal(sends.grantNow(stalled, 10), 0);
  });
});

describe("sources", () => {
  test("pause at the stream's bound and go on when little waits", () => {
    const [sends] = scheduler();
    const a = entry("a");
    assert.ok(sends.queue(a, STREAM_SEND_BYTES_MAX - 1));
    assert.ok(!sends.queue(a, 1));
    assert.ok(!sends.queue(a, 0));
    while (!a.isGrantDrain) assert.ok(sends.next());
    assert.ok(a.queuedBytes <= STREAM_SEND_LOW_BYTES);
    assert.ok(sends.queue(a, 1));
  });

  test("that obey keep no more than the connection's share and a read for each stream (T17)", () => {
    const [sends] = scheduler();
    const entries = Array.from({ length: CONCURRENT_STREAMS_MAX }, (_, i) => entry(`${i}`, 0));
    for (const one of entries) while (sends.queue(one, READ_BUFFER_BYTES / 4));
    const bound = CONNECTION_SEND_BYTES_MAX + CONCURRENT_STREAMS_MAX * READ_BUFFER_BYTES;
    assert.ok(sends.queuedBytes <= bound);
    assert.ok(!sends.isReady);
    for (const one of entries) sends.remove(one);
    assert.equal(sends.queuedBytes, 0);
  });

  test("of an open stream go on piece by piece while stalled ones fill the connection", () => {
    const [sends] = scheduler();
    for (let i = 0; sends.queuedBytes < CONNECTION_SEND_BYTES_MAX; i++) {
      sends.queue(entry(`stalled ${i}`, 0), STREAM_SEND_BYTES_MAX);
    }
    const open = entry("open");
    for (let i = 0; i < 10; i++) {
      assert.ok(!sends.queue(open, 30_000));
      assert.equal(sends.next(), open);
      assert.ok(!open.isGrantDrain);
      assert.equal(sends.next(), open);
      assert.ok(open.isGrantDrain);
    }
  });
});

/** What the scheduler should know, kept in the simplest way. */
class Model {
  readonly connection = new SendWindow(50_000);
  readonly sends = new SendScheduler<string>(this.connection);
  readonly streams: ModelStream[] = [];

  constructor(count: number) {
    for (let i = 0; i < count; i++) this.open(i);
  }

  open(which: number): void {
    const own = entry(`${which}`, 20_000);
    this.streams[which] = { own, queued: 0, isPaused: false, isEnding: false, isOver: false };
  }

  readonly actions = {
    queue: (stream: ModelStream, count: number) => {
      if (stream.isEnding || stream.isOver) return;
      stream.queued += count;
      stream.isPaused = !this.sends.queue(stream.own, count);
    },
    end: (stream: ModelStream) => {
      if (stream.isEnding || stream.isOver) return;
      stream.isEnding = true;
      this.sends.end(stream.own);
    },
    credit: (stream: ModelStream, count: number) => {
      stream.own.credit(count);
      this.sends.windowOpened(stream.own);
    },
    shrink: (stream: ModelStream, count: number) => {
      stream.own.shift(-count);
    },
    connection: (_: ModelStream, count: number) => {
      this.connection.credit(count);
    },
    remove: (stream: ModelStream) => {
      assert.equal(this.sends.remove(stream.own), stream.queued);
      stream.queued = 0;
      stream.isOver = true;
    },
    reopen: (stream: ModelStream) => {
      this.actions.remove(stream);
      this.open(this.streams.indexOf(stream));
    },
    next: () => this.#next(),
  };

  #canSend(stream: ModelStream): boolean {
    if (stream.isOver) return false;
    if (stream.queued === 0) return stream.isEnding;
    return stream.own.bytes > 0 && this.connection.bytes > 0;
  }

  #next(): void {
    const able = this.streams.filter((stream) => this.#canSend(stream));
    const before = this.connection.bytes;
    assert.equal(this.sends.isReady, able.length > 0 || this.#hasClosedSinceReady());
    const next = this.sends.next();
    // Work conservation: something is sent exactly when something can be.
    assert.equal(next !== undefined, able.length > 0);
    if (next === undefined) return;
    const stream = able.find(({ own }) => own === next);
    assert.ok(stream !== undefined);
    assert.ok(next.grantedBytes <= Math.min(SEND_QUANTUM_BYTES, stream.queued));
    assert.ok(next.grantedBytes > 0 || stream.queued === 0);
    assert.equal(this.connection.bytes, before - next.grantedBytes);
    if (next.grantedBytes > 0) assert.ok(this.connection.bytes >= 0 && next.bytes >= 0);
    stream.queued -= next.grantedBytes;
    assert.equal(next.isGrantLast, stream.isEnding && stream.queued === 0);
    if (next.isGrantLast) stream.isOver = true;
    if (next.isGrantDrain) stream.isPaused = false;
  }

  /** `isReady` looks at no stream's window: it may be wrong once after SETTINGS closed some. */
  #hasClosedSinceReady(): boolean {
    const isListed = ({ own }: ModelStream) => own.list !== undefined && own.bytes <= 0;
    return this.connection.bytes > 0 && this.streams.some(isListed);
  }

  check(): void {
    const queued = this.streams.reduce((sum, stream) => sum + stream.queued, 0);
    assert.equal(this.sends.queuedBytes, queued);
    for (const stream of this.streams) {
      assert.equal(stream.own.queuedBytes, stream.queued);
      // A paused source always has a grant to hope for.
      if (stream.isPaused && !stream.isOver) assert.ok(stream.queued > 0);
    }
  }
}

interface ModelStream {
  readonly own: SendEntry<string>;
  queued: number;
  isPaused: boolean;
  isEnding: boolean;
  isOver: boolean;
}

describe("any sequence of bytes, ends, resets and windows", () => {
  const step = fc.record({
    action: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom("queue", "next", "credit", "connection") },
      { weight: 1, arbitrary: fc.constantFrom("end", "remove", "shrink", "reopen") },
    ),
    which: fc.nat(5),
    count: fc.oneof(fc.nat(100), fc.nat(40_000)),
  });

  test("is served without loss, idleness or a wake-up that is missed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), (script) => {
        const model = new Model(6);
        for (const { action, which, count } of script) {
          model.actions[action as keyof Model["actions"]](model.streams[which]!, count);
          model.check();
        }
      }),
      { numRuns: 300 },
    );
  });

  test("serves streams that always have bytes equally, to within one quantum", () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 100 }), (sizes, turns) => {
        const [sends] = scheduler();
        const entries = sizes.map((_, i) => entry(`${i}`));
        const served = new Map(entries.map((one) => [one, 0]));
        const refill = (one: SendEntry<string>, i: number): void => {
          while (one.queuedBytes < 2 * SEND_QUANTUM_BYTES) sends.queue(one, sizes[i]!);
        };
        for (let turn = 0; turn < turns; turn++) {
          entries.forEach(refill);
          const next = sends.next()!;
          served.set(next, served.get(next)! + next.grantedBytes);
          const all = [...served.values()];
          assert.ok(Math.max(...all) - Math.min(...all) <= SEND_QUANTUM_BYTES);
        }
      }),
    );
  });

  test("lets a stream wait for no more than one frame of each other", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (others) => {
        const [sends] = scheduler();
        for (let i = 0; i < others; i++) sends.queue(entry(`${i}`), 1_000_000);
        sends.queue(entry("late"), 10);
        const turns = drain(sends).indexOf("late:10");
        assert.equal(turns, others);
      }),
    );
  });
});
