/** What two workers write, in any pieces, comes out in whole lines. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { relayLines } from "./line-relay.ts";

function sinkOf(written: string[], highWaterMark = 1 << 20): Writable {
  return new Writable({
    highWaterMark,
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      setImmediate(done);
    },
  });
}

test("lines of two workers never stand inside each other", async () => {
  const written: string[] = [];
  const sink = sinkOf(written);
  const sources = ["a", "b"].map((letter) => {
    const source = new PassThrough();
    relayLines(source, sink, "access-log");
    return { letter, source };
  });
  for (let i = 0; i < 50; i++) {
    for (const { letter, source } of sources) {
      source.write(letter.repeat(i));
      await new Promise((resolve) => setImmediate(resolve));
      source.write(`${letter}\n${letter}`);
    }
  }
  for (const { source } of sources) source.end();
  await Promise.all(sources.map(({ source }) => once(source, "end")));
  const lines = written.join("").split("\n");
  assert.equal(lines.length, 101);
  for (const line of lines) assert.match(line, /^(?:a*|b*)$/);
});

test("the last words of a worker that died are kept where they say why", async () => {
  for (const kind of ["log", "access-log"] as const) {
    const written: string[] = [];
    const source = new PassThrough();
    relayLines(source, sinkOf(written), kind);
    source.end("whole\nbroken");
    await once(source, "end");
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(written.join(""), kind === "log" ? "whole\nbroken\n" : "whole\n");
  }
});

test("a sink that is slow pauses the source, and one long line does not fill the memory", async () => {
  const written: string[] = [];
  const source = new PassThrough();
  relayLines(source, sinkOf(written, 1), "log");
  const piece = "x".repeat(300_000);
  for (let i = 0; i < 10; i++) {
    if (!source.write(piece)) await once(source, "drain");
  }
  source.end("\n");
  await once(source, "end");
  while (written.join("").length < 3_000_001) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(written.join(""), `${piece.repeat(10)}\n`);
  assert.ok(written.length > 1);
});

test("behind a sink that is broken a log runs dry, and an access log backs up into its worker", async () => {
  for (const kind of ["log", "access-log"] as const) {
    const sink = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const source = new PassThrough({ highWaterMark: 1_000 });
    relayLines(source, sink, kind);
    source.write("first\n");
    await new Promise((resolve) => sink.once("close", resolve));
    let isTaken = true;
    for (let i = 0; i < 100 && isTaken; i++) {
      isTaken = source.write(`${"x".repeat(100)}\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(isTaken, kind === "log");
  }
});
