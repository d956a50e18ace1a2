/** What strangers say makes no series and no memory: distinct paths, hosts and user agents, for as long as they like. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const REQUESTS = IS_FULL_SIZE ? 1_000_000 : 40_000;
const WARM_UP = 10_000;
const BATCH = 200;
const GROWTH_MB_MAX = 15;
const ANSWER = "HTTP/1.1 ";

/** Sends `count` requests that have nothing in common, pipelined, and reads all answers. */
async function ask(port: number, from: number, count: number): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1" });
  let [sent, answered] = [0, 0];
  /** The beginning of a word that may go on in what comes next. */
  let rest = "";
  const send = (): void => {
    let text = "";
    for (const end = Math.min(sent + BATCH, count); sent < end; sent++)
      text += stranger(from + sent);
    socket.write(text);
  };
  await new Promise<void>((resolve, reject) => {
    socket.on("data", (bytes: Buffer) => {
      const text = rest + bytes.toString("latin1");
      rest = text.slice(1 - ANSWER.length);
      for (let at = text.indexOf(ANSWER); at >= 0; at = text.indexOf(ANSWER, at + 1)) {
        answered += 1;
        if (answered === count) resolve();
        else if (answered === sent) send();
      }
    });
    socket.on("error", reject);
    send();
  });
  socket.destroy();
}

/** Every third finds no route. */
function stranger(id: number): string {
  const path = id % 3 === 0 ? `/missing/${id}` : `/${id}/item?${id}`;
  const address = `10.${id % 256}.${(id >> 8) % 256}.1`;
  return `GET ${path} HTTP/1.1\r\nHost: host-${id}.example\r\nUser-Agent: agent-${id}\r\nX-Forwarded-For: ${address}\r\n\r\n`;
}

function seriesOf(page: string): readonly string[] {
  return page
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.slice(0, line.lastIndexOf(" ")));
}

test(`${REQUESTS} distinct paths, hosts and user agents leave series and memory as they were`, async (context) => {
  const upstream = await RawUpstream.start(context, { onRequest: (request) => request.reply("") });
  const routes = [
    { ...routeTo("app", {}, { safe_regex: { regex: "/[0-9]+/item" } }), name: "items" },
  ];
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf([{ routes }], [{ name: "app", endpoints: [upstream.port] }]),
  );
  const port = proxy.port("main");
  await ask(port, 0, WARM_UP);
  const before = seriesOf((await proxy.admin("/metrics")).body);
  const beforeMb = proxy.residentMb;
  await ask(port, WARM_UP, REQUESTS);
  const after = seriesOf((await proxy.admin("/metrics")).body);
  const grownMb = proxy.residentMb - beforeMb;
  context.diagnostic(
    `series ${before.length} before, ${after.length} after; MB ${beforeMb.toFixed(1)} before, ${proxy.residentMb.toFixed(1)} after`,
  );
  assert.deepEqual(after, before);
  assert.doesNotMatch(after.join("\n"), /host-\d|agent-\d|\/\d+\/item|missing|10\.\d/);
  assert.ok(grownMb < GROWTH_MB_MAX, `grew by ${grownMb} MB`);
});
