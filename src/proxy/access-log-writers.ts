/** The files that access logs of a process go to, one writer for each path. */
import type { Clock } from "../core/clock.ts";
import { LineWriter } from "../telemetry/line-writer.ts";

/** The writer of this path, made when it is new. */
export function accessLogWriter(
  writers: Map<string, LineWriter>,
  path: string,
  clock: Clock,
): LineWriter {
  let writer = writers.get(path);
  if (writer === undefined) {
    writer = new LineWriter(path, clock);
    writers.set(path, writer);
  }
  return writer;
}
