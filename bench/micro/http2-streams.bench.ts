/**
 * What the streams of HTTP/2 cost beside the bytes: states, windows, turns and budgets. A request with a
 * small answer has one of each; a multiplexed connection at line speed sends some 100,000 frames a second.
 */
import { bench, do_not_optimize, group } from "mitata";
import { PREMATURE_RESETS_MAX } from "../../src/core/limits.ts";
import { AbuseBudget } from "../../src/http2/abuse-budget.ts";
import { INITIAL_WINDOW_BYTES, SendWindow } from "../../src/http2/flow-window.ts";
import { ReceiveWindows, StreamReceiveWindow } from "../../src/http2/flow-window-receive.ts";
import { FRAME_DATA, FRAME_HEADERS } from "../../src/http2/frame.ts";
import { SendEntry, SendScheduler } from "../../src/http2/send-scheduler.ts";
import { StreamIds } from "../../src/http2/stream-ids.ts";
import { StreamSlots } from "../../src/http2/stream-slots.ts";
import { receiptOf, STREAM_ENDED, STREAM_OPEN } from "../../src/http2/stream-state.ts";

const WIDE = 2 ** 31 - 1;
const FRAME_BYTES = 16_384;

group("http2 stream life", () => {
  bench("receipt of a frame", () => {
    do_not_optimize(receiptOf(STREAM_OPEN, FRAME_DATA));
  });
  let ids = new StreamIds("server");
  let id = 1;
  bench("identifier: received, opened, closed", () => {
    if (id > 1_000_000_000) {
      ids = new StreamIds("server");
      id = 1;
    }
    do_not_optimize(ids.receiptOf(id, FRAME_HEADERS));
    ids.open(id);
    ids.close(id, STREAM_ENDED);
    id += 2;
  });
  const slots = new StreamSlots(100);
  const holder = { slot: 0 };
  bench("place: taken, freed", () => {
    do_not_optimize(slots.take(holder));
    slots.ended(holder);
  });
  const budget = new AbuseBudget(0, PREMATURE_RESETS_MAX);
  bench("budget: a stream and its DATA", () => {
    budget.onStreamOpened(1);
    budget.onDataSent(1, 1);
  });
});

group("http2 windows", () => {
  const windows = new ReceiveWindows();
  const stream = new StreamReceiveWindow();
  windows.open(stream);
  bench("receive, pass on and credit a DATA frame of 16 KiB", () => {
    windows.receive(stream, FRAME_BYTES);
    windows.pass(stream, FRAME_BYTES);
    do_not_optimize(windows.takeIncrement() + windows.takeStreamIncrement(stream));
  });
  bench("a stream with a small body", () => {
    const small = new StreamReceiveWindow();
    windows.open(small);
    windows.receive(small, 100);
    windows.pass(small, 100);
    do_not_optimize(windows.takeIncrement() + windows.takeStreamIncrement(small));
    windows.close(small);
  });
});

group("http2 turns", () => {
  for (const [name, streamCount] of [
    ["1 stream", 1],
    ["100 streams", 100],
  ] as const) {
    const window = new SendWindow(0);
    const sends = new SendScheduler<number>(window);
    const entries = Array.from({ length: streamCount }, (_, i) => new SendEntry(i, WIDE));
    for (const entry of entries) sends.queue(entry, FRAME_BYTES + 1);
    bench(`a frame's turn among ${name}`, () => {
      window.credit(FRAME_BYTES);
      const entry = sends.next();
      if (entry === undefined) throw new Error("nothing to send");
      entry.credit(FRAME_BYTES);
      do_not_optimize(sends.queue(entry, entry.grantedBytes));
    });
  }
  const window = new SendWindow(WIDE);
  const sends = new SendScheduler<number>(window);
  bench("a small answer that leaves at once", () => {
    const entry = new SendEntry(0, INITIAL_WINDOW_BYTES);
    do_not_optimize(sends.grantNow(entry, 100));
    window.credit(100);
  });
  const ending = new SendEntry(0, WIDE);
  bench("a small answer that waits for its turn", () => {
    sends.queue(ending, 100);
    sends.end(ending);
    do_not_optimize(sends.next());
    sends.remove(ending);
    window.credit(100);
    ending.credit(100);
  });
});
