/** Requests over HTTP/2 that their client takes back at once (CVE-2023-44487): upstream hears of none, the log of all. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { frame, uint32 } from "../support/http2-frame-recorder.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  literalBlock,
  RawHttp2Client,
  requestFields,
} from "../support/raw-http2-client.ts";

const TAKEN_BACK = 50;
const CANCEL = uint32(8);
const STDOUT_LOG = {
  name: "stdout",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
    log_format: { text_format_source: { inline_string: "%REQ(:PATH)% %RESPONSE_FLAGS%\n" } },
  },
};

function head(streamId: number, path: string): Buffer {
  const block = literalBlock(requestFields(path));
  return frame(FRAME.headers, END_HEADERS | END_STREAM, streamId, block);
}

test("requests that are taken back at once cost nothing upstream, and are told", async (t) => {
  const seen: string[] = [];
  let connections = 0;
  const app = createServer((request, response) => {
    seen.push(request.url ?? "");
    response.end("ok");
  }).listen(0, "127.0.0.1");
  app.on("connection", () => {
    connections += 1;
  });
  await once(app, "listening");
  t.after(() => app.close().closeAllConnections());
  const proxy = await ProxyProcess.start(
    t,
    bootstrapOf(
      [{ routes: "app", manager: { access_log: [STDOUT_LOG] } }],
      [{ name: "app", endpoints: [(app.address() as AddressInfo).port] }],
    ),
  );
  const client = await RawHttp2Client.connect(proxy.port("main"));
  client.send(head(1, "/first"));
  await client.until(() => client.isOver(1));
  const taken = Array.from({ length: TAKEN_BACK }, (_, i) => {
    const id = 2 * i + 3;
    return Buffer.concat([head(id, "/taken"), frame(FRAME.rstStream, 0, id, CANCEL)]);
  });
  const last = 2 * TAKEN_BACK + 3;
  client.send(Buffer.concat([...taken, head(last, "/last")]));
  await client.until(() => client.isOver(last));
  assert.equal(client.bodyOf(last), "ok");
  assert.deepEqual(seen, ["/first", "/last"]);
  assert.equal(connections, 1, "the connection to the app has stayed");
  const ended = once(proxy.child, "close");
  proxy.child.kill("SIGTERM");
  await ended;
  const lines = proxy.output.filter((line) => /^\/(first|taken|last) /.test(line));
  assert.deepEqual(lines, ["/first -", ...Array(TAKEN_BACK).fill("/taken DC"), "/last -"]);
});
