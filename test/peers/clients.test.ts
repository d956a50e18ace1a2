/** HTTP clients that many use, through the sidecar, to an app that answers with what arrived. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import { needs, startSidecar, temporaryFolder } from "./peer-process.ts";

const run = promisify(execFile);
const UPLOAD_BYTES = 2_000_000;

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly trailers: Readonly<Record<string, string>>;
  readonly bodySha256: string;
}

/** Answers each request with what it was, in chunks and with a trailer. Returns the sidecar's port. */
async function echoBehindSidecar(t: TestContext): Promise<number> {
  const app = createServer(async (request, response) => {
    const body = await buffer(request);
    const { method, url, headers, trailers } = request;
    const bodySha256 = sha256(body);
    response.setHeader("content-type", "application/json");
    if (method !== "HEAD") {
      response.setHeader("trailer", "x-checked");
      response.addTrailers({ "x-checked": bodySha256 });
    }
    response.end(JSON.stringify({ method, url, headers, trailers, bodySha256 }));
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  t.after(() => app.close().closeAllConnections());
  return await startSidecar(t, (app.address() as AddressInfo).port);
}

function sha256(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}

test("curl: one connection for several requests", needs("curl"), async (t) => {
  const port = await echoBehindSidecar(t);
  const urls = [1, 2, 3].map((n) => `http://127.0.0.1:${port}/${n}`);
  const discard = urls.flatMap(() => ["-o", "/dev/null"]);
  const { stdout } = await run("curl", ["-s", ...discard, "-w", "%{num_connects} ", ...urls]);
  assert.equal(stdout.trim(), "1 0 0");
});

test(
  "curl: uploads with Expect, in chunks and with HTTP/1.0 arrive whole",
  needs("curl"),
  async (t) => {
    const port = await echoBehindSidecar(t);
    const body = randomBytes(UPLOAD_BYTES);
    const file = join(temporaryFolder(t), "body");
    writeFileSync(file, body);
    const ways: readonly (readonly string[])[] = [
      ["-H", "Expect: 100-continue", "--data-binary", `@${file}`],
      ["-H", "Transfer-Encoding: chunked", "-T", file],
      ["--http1.0", "--data-binary", `@${file}`],
    ];
    for (const way of ways) {
      const { stdout } = await run("curl", ["-sS", ...way, `http://127.0.0.1:${port}/upload?a=b`]);
      const seen: Seen = JSON.parse(stdout);
      assert.equal(seen.bodySha256, sha256(body), way.join(" "));
      assert.equal(seen.url, "/upload?a=b");
    }
  },
);

test(
  "curl: HEAD, trailers of the answer, and a head that is too large",
  needs("curl"),
  async (t) => {
    const port = await echoBehindSidecar(t);
    const url = `http://127.0.0.1:${port}/`;
    const head = await run("curl", ["-sS", "-I", url]);
    assert.match(head.stdout, /^HTTP\/1\.1 200 OK\r\n/);
    const answer = await run("curl", ["-sS", "--raw", "-H", "TE: trailers", url]);
    assert.match(answer.stdout, /\r\n0\r\nx-checked: [0-9a-f]{64}\r\n\r\n$/);
    const large = ["-H", `x-large: ${"x".repeat(100_000)}`];
    const { stdout } = await run("curl", [
      "-sS",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      ...large,
      url,
    ]);
    assert.equal(stdout, "431");
  },
);

const PYTHON = `
import http.client, json, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
seen = []
for i in range(3):
    c.request("POST", "/%d" % i, body=(b"x" * 1000 for _ in range(50)), headers={"X-Case": "Kept"}, encode_chunked=True)
    seen.append(json.loads(c.getresponse().read()))
print(json.dumps(seen))
`;

test("Python's http.client: chunked uploads on one connection", needs("python3"), async (t) => {
  const port = await echoBehindSidecar(t);
  const { stdout } = await run("python3", ["-c", PYTHON, String(port)]);
  const seen: Seen[] = JSON.parse(stdout);
  assert.deepEqual(
    seen.map(({ method, url }) => `${method} ${url}`),
    ["POST /0", "POST /1", "POST /2"],
  );
  for (const { bodySha256, headers } of seen) {
    assert.equal(bodySha256, sha256(Buffer.alloc(50_000, "x")));
    assert.equal(headers["x-case"], "Kept");
  }
});

const GO = `package main
import ("encoding/json"; "fmt"; "io"; "net/http"; "os"; "strings")
func main() {
  body := io.NopCloser(strings.NewReader(strings.Repeat("x", 50000)))
  request, _ := http.NewRequest("PUT", "http://127.0.0.1:" + os.Args[1] + "/go", body)
  request.ContentLength = -1
  request.Trailer = http.Header{"X-Sum": {"50000"}}
  response, err := http.DefaultClient.Do(request)
  if err != nil { panic(err) }
  text, err := io.ReadAll(response.Body)
  if err != nil { panic(err) }
  out, _ := json.Marshal(map[string]string{"body": string(text), "trailer": response.Trailer.Get("X-Checked")})
  fmt.Println(string(out))
}
`;

test("Go's net/http: trailers in both directions", needs("go"), async (t) => {
  const port = await echoBehindSidecar(t);
  const file = join(temporaryFolder(t), "client.go");
  writeFileSync(file, GO);
  const { stdout } = await run("go", ["run", file, String(port)]);
  const { body, trailer } = JSON.parse(stdout) as {
    readonly body: string;
    readonly trailer: string;
  };
  const seen: Seen = JSON.parse(body);
  assert.equal(seen.bodySha256, sha256(Buffer.alloc(50_000, "x")));
  assert.equal(seen.trailers["x-sum"], "50000");
  assert.equal(trailer, seen.bodySha256);
});
