/** The reader and the sniffer on what a real TLS client sends, caught on loopback. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import type { ClientHello } from "./client-hello.ts";
import { ClientHelloReader } from "./client-hello-reader.ts";
import { sniffProtocol } from "./protocol-sniffer.ts";

interface Caught {
  readonly hello: ClientHello;
  readonly length: number;
}

/** Reads until the reader's verdict, then ends both sides. */
async function helloOf(options: tls.ConnectionOptions): Promise<Caught> {
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const client = tls.connect({ ...options, host: "127.0.0.1", port, rejectUnauthorized: false });
  client.on("error", () => undefined);
  const [accepted] = (await once(server, "connection")) as [net.Socket];
  try {
    const reader = new ClientHelloReader();
    let bytes = Buffer.alloc(0);
    for await (const chunk of accepted) {
      bytes = Buffer.concat([bytes, chunk as Buffer]);
      const verdict = reader.read(bytes, 0, bytes.length);
      if (verdict.kind === "need-more") continue;
      assert.equal(verdict.kind, "hello");
      assert.equal(sniffProtocol(bytes, 0, bytes.length), "tls");
      assert.ok(verdict.kind === "hello");
      assertSameByteByByte(bytes, verdict.hello);
      return { hello: verdict.hello, length: bytes.length };
    }
    throw new Error("the client ended before its hello did");
  } finally {
    client.destroy();
    accepted.destroy();
    server.close();
  }
}

function assertSameByteByByte(bytes: Buffer, hello: ClientHello): void {
  const reader = new ClientHelloReader();
  for (let count = 0; count < bytes.length; count++) {
    assert.equal(reader.read(bytes, 0, count).kind, "need-more");
  }
  const verdict = reader.read(bytes, 0, bytes.length);
  assert.ok(verdict.kind === "hello");
  assert.deepEqual(JSON.stringify(verdict.hello), JSON.stringify(hello));
}

test("server name and ALPN protocols of node:tls", async () => {
  const { hello } = await helloOf({
    servername: "Shop.Default.svc",
    ALPNProtocols: ["h2", "http/1.1"],
  });
  assert.equal(hello.serverName, "shop.default.svc");
  assert.deepEqual(hello.alpnProtocols, ["h2", "http/1.1"]);
  assert.deepEqual(hello.versions, [0x0304, 0x0303]);
});

test("neither server name nor ALPN", async () => {
  const { hello } = await helloOf({ servername: "" });
  assert.equal(hello.serverName, undefined);
  assert.deepEqual(hello.alpnProtocols, []);
});

test("TLS 1.3 alone and TLS 1.2 alone", async () => {
  const newest = await helloOf({ servername: "a.example", minVersion: "TLSv1.3" });
  assert.deepEqual(newest.hello.versions, [0x0304]);
  const older = await helloOf({ servername: "a.example", maxVersion: "TLSv1.2" });
  assert.deepEqual(older.hello.versions, [0x0303]);
});

test("a hello with the key share of X25519MLKEM768", async () => {
  const { hello, length } = await helloOf({
    servername: "a.example",
    ecdhCurve: "X25519MLKEM768",
    minVersion: "TLSv1.3",
  });
  assert.ok(length > 1216, `${length} bytes`);
  assert.equal(hello.serverName, "a.example");
});

test("a hello with as many protocols as clients never offer", async () => {
  const ALPNProtocols = Array.from({ length: 20 }, (_, index) => `protocol-${index}`);
  const { hello } = await helloOf({ servername: "a.example", ALPNProtocols });
  assert.deepEqual(hello.alpnProtocols, ALPNProtocols);
});
