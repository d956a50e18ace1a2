/** Clients of others that speak HTTP/2, against plain and TLS listeners: what arrives is what they sent. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import { Agent, request } from "undici";
import { serverTls } from "../support/http2-options.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { needs, temporaryFolder } from "./peer-process.ts";

const run = promisify(execFile);
const UPLOAD_BYTES = 2_000_000;
const LOAD_REQUESTS = 2_000;

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodySha256: string;
}

/** Listeners of one sidecar before an app that answers with what arrived. */
interface Ports {
  readonly plain: number;
  readonly tls: number;
}

async function echoBehindSidecar(t: TestContext): Promise<Ports> {
  const app = createServer(async (incoming, response) => {
    const body = await buffer(incoming);
    const { method, url, headers } = incoming;
    const bodySha256 = sha256(body);
    response.setHeader("content-type", "application/json");
    response.setHeader("trailer", "x-checked");
    response.addTrailers({ "x-checked": bodySha256 });
    response.end(JSON.stringify({ method, url, headers, bodySha256 }));
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  t.after(() => app.close().closeAllConnections());
  const tls = serverTls(keyPair(rootOf(), [idFor("app")]), "h2", "http/1.1");
  const proxy = await ProxyProcess.start(
    t,
    bootstrapOf(
      [
        { name: "plain", routes: "app" },
        { name: "tls", routes: "app", tls },
      ],
      [{ name: "app", endpoints: [(app.address() as AddressInfo).port] }],
    ),
  );
  return { plain: proxy.port("plain"), tls: proxy.port("tls") };
}

function sha256(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}

test("curl: each version, in clear text and by ALPN", needs("curl"), async (t) => {
  const { plain, tls } = await echoBehindSidecar(t);
  const body = randomBytes(UPLOAD_BYTES);
  const file = join(temporaryFolder(t), "body");
  writeFileSync(file, body);
  const ways: readonly (readonly [version: string, args: readonly string[]])[] = [
    ["1.1", ["--http1.1", `http://127.0.0.1:${plain}/a?b=c`]],
    ["2", ["--http2-prior-knowledge", `http://127.0.0.1:${plain}/a?b=c`]],
    ["1.1", ["--http1.1", "-k", `https://127.0.0.1:${tls}/a?b=c`]],
    ["2", ["--http2", "-k", `https://127.0.0.1:${tls}/a?b=c`]],
  ];
  for (const [version, args] of ways) {
    const upload = ["-sS", "--data-binary", `@${file}`, "-w", "\n%{http_version}"];
    const { stdout } = await run("curl", [...upload, ...args]);
    const [answer = "", used] = stdout.split("\n");
    const seen: Seen = JSON.parse(answer);
    assert.equal(used, version, args.join(" "));
    assert.equal(seen.bodySha256, sha256(body), args.join(" "));
    assert.equal(seen.url, "/a?b=c");
    assert.equal(seen.method, "POST");
  }
});

test("nghttp: an upload, trailers, and an orderly end", needs("nghttp"), async (t) => {
  const { plain, tls } = await echoBehindSidecar(t);
  const file = join(temporaryFolder(t), "body");
  const body = randomBytes(UPLOAD_BYTES);
  writeFileSync(file, body);
  for (const url of [`http://127.0.0.1:${plain}/up`, `https://127.0.0.1:${tls}/up`]) {
    const { stdout } = await run("nghttp", ["-d", file, "-H", ":method: PUT", url]);
    const seen: Seen = JSON.parse(stdout);
    assert.equal(seen.method, "PUT");
    assert.equal(seen.bodySha256, sha256(body));
    const verbose = await run("nghttp", ["-v", "-n", url]);
    assert.match(verbose.stdout, /x-checked: [0-9a-f]{64}/);
    assert.doesNotMatch(verbose.stdout, /INVALID|PROTOCOL_ERROR|RST_STREAM/);
  }
});

test("h2load: many streams on many connections, all answered", needs("h2load"), async (t) => {
  const { plain, tls } = await echoBehindSidecar(t);
  for (const url of [`http://127.0.0.1:${plain}/load`, `https://127.0.0.1:${tls}/load`]) {
    const args = ["-n", String(LOAD_REQUESTS), "-c", "8", "-m", "20", url];
    const { stdout } = await run("h2load", args);
    assert.match(stdout, new RegExp(`${LOAD_REQUESTS} succeeded, 0 failed, 0 errored`), stdout);
    assert.match(stdout, new RegExp(`status codes: ${LOAD_REQUESTS} 2xx`));
    assert.match(stdout, /protocol: h2/);
  }
});

test("undici: HTTP/2 by ALPN and pipelined HTTP/1.1", async (t) => {
  const { plain, tls } = await echoBehindSidecar(t);
  for (const [origin, agent] of [
    [
      `https://127.0.0.1:${tls}`,
      new Agent({ allowH2: true, connections: 1, connect: { rejectUnauthorized: false } }),
    ],
    [`http://127.0.0.1:${plain}`, new Agent({ pipelining: 8, connections: 1 })],
  ] as const) {
    t.after(() => agent.close());
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const url = `${origin}/undici/${i}`;
        const isUpload = i % 2 === 0;
        const body = isUpload ? Buffer.alloc(i * 1_000, "u") : null;
        const options = { dispatcher: agent, method: isUpload ? "PUT" : "GET", body } as const;
        const { statusCode, body: answer } = await request(url, options);
        assert.equal(statusCode, 200);
        const seen = (await answer.json()) as Seen;
        assert.equal(seen.bodySha256, sha256(body ?? Buffer.alloc(0)));
        return seen.url;
      }),
    );
    assert.deepEqual(
      answers,
      Array.from({ length: 50 }, (_, i) => `/undici/${i}`),
    );
  }
});

test("fetch: streams and headers", async (t) => {
  const { plain } = await echoBehindSidecar(t);
  const parts = ["a", "b", "c"].map((part) => part.repeat(10_000));
  const body = ReadableStream.from(parts.map((part) => Buffer.from(part)));
  const answer = await fetch(`http://127.0.0.1:${plain}/fetch`, {
    method: "POST",
    headers: { "X-Case": "Kept" },
    body,
    duplex: "half",
  });
  const seen = (await answer.json()) as Seen;
  assert.equal(seen.bodySha256, sha256(Buffer.from(parts.join(""))));
  assert.equal(seen.headers["x-case"], "Kept");
});

test("Node's http2: streams at a time, trailers, and a push that nobody gets", async (t) => {
  const { plain } = await echoBehindSidecar(t);
  const session = connect(`http://127.0.0.1:${plain}`);
  t.after(() => session.close());
  await Promise.all(
    Array.from({ length: 90 }, async (_, i) => {
      const body = Buffer.alloc(i * 500, "n");
      const stream = session.request({ ":method": "POST", ":path": `/node/${i}` });
      const trailers = once(stream, "trailers");
      stream.end(body);
      const seen = JSON.parse(await text(stream)) as Seen;
      assert.equal(seen.url, `/node/${i}`);
      assert.equal(seen.bodySha256, sha256(body));
      assert.equal((await trailers)[0]["x-checked"], sha256(body));
    }),
  );
});
