/**
 * Passes on what workers write to standard output and error: whole lines only, so that a line of one
 * never stands inside a line of another. A reader that is slow slows the workers' writing, and they
 * drop lines as they would with one process.
 */
import type { Readable, Writable } from "node:stream";

/** A line that is longer is passed on in parts. Header fields that it may hold are bounded by less. */
const LINE_BYTES_MAX = 1024 * 1024;
const LINE_END = 0x0a;

/**
 * `log` is for people: a line that the worker did not finish before it died is passed on as well, and
 * nobody waits for a sink that is broken. Behind a broken sink an `access-log` is not read any more,
 * so that the worker drops its lines and counts them.
 */
export function relayLines(source: Readable, sink: Writable, kind: "log" | "access-log"): void {
  // Each worker may wait for the sink, which is no leak.
  sink.setMaxListeners(0);
  let parts: Buffer[] = [];
  let length = 0;
  let isBroken = false;
  sink.on("error", () => {
    isBroken = true;
    if (kind === "log") source.resume();
    else source.pause();
  });
  const passOn = (bytes: Buffer): void => {
    if (isBroken || sink.write(bytes)) return;
    source.pause();
    sink.once("drain", () => source.resume());
  };
  source.on("data", (chunk: Buffer) => {
    const end = chunk.lastIndexOf(LINE_END) + 1;
    if (end > 0) {
      passOn(Buffer.concat([...parts, chunk.subarray(0, end)]));
      parts = [];
      length = 0;
    }
    if (end < chunk.length) parts.push(chunk.subarray(end));
    length += chunk.length - end;
    if (length <= LINE_BYTES_MAX) return;
    passOn(Buffer.concat(parts));
    parts = [];
    length = 0;
  });
  source.on("end", () => {
    if (kind === "log" && length > 0) passOn(Buffer.concat([...parts, Buffer.from("\n")]));
  });
}
