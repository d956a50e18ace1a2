/** Log lines: levels, both formats, and that nothing a peer sends can forge a line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "./clock.ts";
import { createLogger, type Logger, type LogThreshold, silentLogger } from "./logger.ts";

interface Recorded {
  readonly log: Logger;
  readonly lines: string[];
  readonly threshold: LogThreshold;
}

function recorded(format: "json" | "text"): Recorded {
  const lines: string[] = [];
  const threshold: LogThreshold = { level: "info" };
  const sink = { write: (line: string) => void lines.push(line) };
  return {
    log: createLogger({ clock: new ManualClock(0), sink, threshold, format }),
    lines,
    threshold,
  };
}

test("a JSON line has time, level, component, message and fields", () => {
  const { log, lines } = recorded("json");
  log.child("xds").warn("refused", { count: 2n, error: new Error("broken"), name: "a" });
  assert.equal(
    lines[0],
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","component":"xds","message":"refused","count":"2","error":"broken","name":"a"}\n',
  );
});

test("a text line is for people: values with blanks are quoted", () => {
  const { log, lines } = recorded("text");
  log.info("bound", { name: "a b", port: 80, quoted: 'x"y', list: [1], error: new Error("no") });
  assert.equal(
    lines[0],
    '1970-01-01T00:00:00.000Z info  tulle: bound name="a b" port=80 quoted="x\\"y" list=[1] error="\\"no\\""\n',
  );
  log.error("plain");
  assert.equal(lines[1], "1970-01-01T00:00:00.000Z error tulle: plain\n");
});

test("the threshold is shared with children and takes effect at once", () => {
  const { log, lines, threshold } = recorded("text");
  const child = log.child("a");
  child.debug("unseen");
  assert.equal(child.debugEnabled, false);
  threshold.level = "debug";
  child.debug("seen");
  assert.equal(child.debugEnabled, true);
  threshold.level = "error";
  child.warn("unseen");
  child.error("seen");
  threshold.level = "off";
  child.error("unseen");
  assert.equal(lines.length, 2);
});

test("control characters neither forge lines nor steer a terminal", () => {
  for (const format of ["json", "text"] as const) {
    const { log, lines } = recorded(format);
    log.info("a\nb\u001b[31m", { field: "c\r\nd", other: "\u001b[0m\u009b", "k\ney": 1 });
    assert.equal(lines.length, 1);
    const line = lines[0] ?? "";
    assert.equal(line.indexOf("\n"), line.length - 1);
    // JSON leaves the eight-bit controls alone, but no terminal reads it.
    assert.doesNotMatch(line.slice(0, -1).replace("\u009b", ""), /\p{Cc}/u);
    if (format === "text") assert.ok(!line.includes("\u009b"));
  }
});

test("the silent logger says nothing and has silent children", () => {
  assert.equal(silentLogger.child("a"), silentLogger);
  assert.equal(silentLogger.debugEnabled, false);
  silentLogger.error("nothing");
});
