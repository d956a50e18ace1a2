import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ServerSentEvent, serverSentEvents } from "./server-sent-events.ts";

async function eventsOf(chunks: readonly Uint8Array[]): Promise<readonly ServerSentEvent[]> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  const events: ServerSentEvent[] = [];
  for await (const event of serverSentEvents(bytes())) events.push(event);
  return events;
}

test("names, data of several lines and comments", async () => {
  const text =
    ': hello\n\nevent: request\ndata: {"a":1}\n\ndata: one\ndata:two\nid: 7\n\n: ping\n\n';
  assert.deepEqual(await eventsOf([Buffer.from(text)]), [
    { event: "request", data: '{"a":1}' },
    { event: "message", data: "one\ntwo" },
  ]);
});

test("an event that is cut off is none", async () => {
  assert.deepEqual(await eventsOf([Buffer.from("data: whole\n\ndata: cut\n")]), [
    { event: "message", data: "whole" },
  ]);
});

test("wherever the bytes are divided, the events are the same", async () => {
  const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
  const data = fc.stringMatching(/^[a-zäö€{}":, ]{1,12}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.array(data, { maxLength: 5 }),
      lineEnd,
      fc.nat(),
      async (all, end, seed) => {
        const text = all.map((each) => `event: e${end}data: ${each}${end}${end}`).join("");
        const bytes = Buffer.from(text);
        const step = 1 + (seed % 7);
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step));
        const events = await eventsOf(chunks);
        // With CR alone the last event may still wait for an LF that belongs to its end.
        const expected = all.map((each) => ({ event: "e", data: each }));
        assert.deepEqual(events, end === "\r" ? expected.slice(0, events.length) : expected);
        assert.ok(expected.length - events.length <= 1);
      },
    ),
  );
});

test("an event without an end is refused", async () => {
  const endless = Array.from({ length: 5 }, () => Buffer.alloc(1024 * 1024, "x"));
  await assert.rejects(eventsOf(endless), /has no end/);
});
