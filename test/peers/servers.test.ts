/** Servers and proxies that many use, behind and in front of the sidecar. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { haproxy, nginxProxy } from "../../bench/macro/peers.ts";
import { needs, startPeer, startSidecar, temporaryFolder } from "./peer-process.ts";

const FILE_BYTES = 1_000_000;
const REQUESTS = 20;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** Requests of one test go over one connection. */
function clientOf(
  t: TestContext,
  port: number,
): (path: string, headers?: object) => Promise<Answer> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  return async (path, headers = {}) => {
    const outgoing = request({ host: "127.0.0.1", port, path, agent, headers: { ...headers } });
    outgoing.end();
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    const body = await buffer(response);
    return { status: response.statusCode ?? 0, headers: response.headers, body };
  };
}

test(
  "nginx behind it: files, ranges, conditions and compressed answers",
  needs("nginx"),
  async (t) => {
    const folder = temporaryFolder(t);
    const port = await freePort();
    const bytes = randomBytes(FILE_BYTES);
    const text = "Tulle ".repeat(10_000);
    mkdirSync(join(folder, "files"), { mode: 0o755 });
    writeFileSync(join(folder, "files", "bytes"), bytes);
    writeFileSync(join(folder, "files", "text.txt"), text);
    writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
events {}
http {
  access_log off; types { text/plain txt; } gzip on; gzip_types text/plain; gzip_min_length 1;
  server { listen 127.0.0.1:${port}; root ${folder}/files; }
}
`,
    );
    await startPeer(t, port, ["nginx", "-c", join(folder, "nginx.conf")]);
    const get = clientOf(t, await startSidecar(t, port));

    const whole = await get("/bytes");
    assert.equal(whole.status, 200);
    assert.ok(whole.body.equals(bytes));
    const range = await get("/bytes", { range: "bytes=100-199" });
    assert.equal(range.status, 206);
    assert.ok(range.body.equals(bytes.subarray(100, 200)));
    const etag = whole.headers.etag ?? "";
    assert.equal((await get("/bytes", { "if-none-match": etag })).status, 304);
    const compressed = await get("/text.txt", { "accept-encoding": "gzip" });
    assert.equal(compressed.headers["content-encoding"], "gzip");
    assert.equal((await get("/text.txt")).body.toString(), text);
    assert.equal((await get("/nothing")).status, 404);
  },
);

const PYTHON_SERVER = `
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"until close " * 1000)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`;

import { freePort } from "../support/free-port.ts";

test(
  "Python's http.server behind it: HTTP/1.0 answers that end with the connection",
  needs("python3"),
  async (t) => {
    const port = await freePort();
    await startPeer(t, port, ["python3", "-c", PYTHON_SERVER, String(port)]);
    const get = clientOf(t, await startSidecar(t, port));
    for (let i = 0; i < REQUESTS; i++) {
      const { status, body } = await get("/");
      assert.equal(status, 200);
      assert.equal(body.toString(), "until close ".repeat(1000));
    }
  },
);

for (const { program, configure, command } of [
  { program: "nginx", configure: nginxProxy, command: ["nginx", "-c"] },
  { program: "haproxy", configure: haproxy, command: ["haproxy", "-f"] },
]) {
  test(`${program} in front of it and behind it`, needs(program), async (t) => {
    const app = createServer((incoming, response) => response.end(`hello ${incoming.url}`));
    app.listen(0, "127.0.0.1");
    await once(app, "listening");
    t.after(() => app.close().closeAllConnections());
    const folder = temporaryFolder(t);
    const startProxy = async (upstreamPort: number): Promise<number> => {
      const port = await freePort();
      const file = join(folder, `${port}.conf`);
      writeFileSync(file, configure({ folder, role: "plain", port, upstreamPort }));
      await startPeer(t, port, [...command, file]);
      return port;
    };
    const behind = await startProxy((app.address() as AddressInfo).port);
    const inFront = await startProxy(await startSidecar(t, behind));
    const get = clientOf(t, inFront);
    for (let i = 0; i < REQUESTS; i++) {
      const { status, body } = await get(`/${i}`);
      assert.equal(status, 200);
      assert.equal(body.toString(), `hello /${i}`);
    }
  });
}
