/** Key exchange groups, versions and ciphers as they are negotiated with real peers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { type TestContext, test } from "node:test";
import type { ConnectionOptions } from "node:tls";
import { socketFailure } from "../net/node-error.ts";
import type { TlsSettings } from "./config/tls-settings.ts";
import { dialRaw, settingsOf, TestTrust, TlsTestClient, TlsTestServer } from "./tls-fixtures.ts";

const START_MS = Date.now();
const trust = new TestTrust(START_MS);
const own = trust.certificate("web", START_MS);

function serve(context: TestContext, more: Partial<TlsSettings> = {}): Promise<TlsTestServer> {
  return TlsTestServer.start(context, {
    settings: settingsOf(more),
    certificate: trust.certificate("app", START_MS),
    validation: trust.validation,
    nowMs: () => START_MS,
  });
}

function dial(server: TlsTestServer, options: ConnectionOptions) {
  return dialRaw(server.port, { cert: own.chainPem, key: own.keyPem, ...options });
}

/** IANA's TLS Supported Groups. */
const X25519 = 0x001d;
const X25519MLKEM768 = 0x11ec;

/** Groups of the key shares in a record with a ClientHello (RFC 8446 sections 4.1.2 and 4.2.8). */
function keySharesOf(record: Buffer): readonly number[] {
  let at = 5 + 4 + 2 + 32;
  at += 1 + record.readUInt8(at);
  at += 2 + record.readUInt16BE(at);
  at += 1 + record.readUInt8(at) + 2;
  while (record.readUInt16BE(at) !== 51) at += 4 + record.readUInt16BE(at + 2);
  const groups: number[] = [];
  const end = at + 4 + record.readUInt16BE(at + 2);
  for (at += 6; at < end; at += 4 + record.readUInt16BE(at + 2)) {
    groups.push(record.readUInt16BE(at));
  }
  return groups;
}

function reasons(server: TlsTestServer): readonly string[] {
  return server.failures.map((error) => socketFailure(error).reason);
}

test("X25519MLKEM768 is chosen by a server whenever a client offers it", async (context) => {
  const server = await serve(context);
  const groupWith = async (ecdhCurve: string): Promise<string | undefined> =>
    (await dial(server, { ecdhCurve }))?.group;
  assert.equal(await groupWith("X25519MLKEM768"), "X25519MLKEM768");
  assert.equal(await groupWith("P-256:X25519MLKEM768:X25519"), "X25519MLKEM768");
});

test("a client without X25519MLKEM768 falls back", async (context) => {
  const server = await serve(context);
  assert.equal((await dial(server, { ecdhCurve: "X25519" }))?.group, "X25519");
  assert.equal((await dial(server, { ecdhCurve: "P-256" }))?.group, "prime256v1");
  assert.equal(await dial(server, { ecdhCurve: "P-521" }), undefined);
  assert.deepEqual(reasons(server), ["the peer offers no key exchange group that is allowed here"]);
});

test("a sidecar as client offers the hybrid and X25519 at once, and falls back", async (context) => {
  const shares: (readonly number[])[] = [];
  const peer = net.createServer((socket) => {
    socket.once("data", (hello: Buffer) => {
      shares.push(keySharesOf(hello));
      socket.destroy();
    });
  });
  peer.listen(0, "127.0.0.1");
  context.after(() => peer.close());
  await once(peer, "listening");
  const clientOf = () => new TlsTestClient(settingsOf(), own, trust.validation, () => START_MS);
  await assert.rejects(clientOf().dial((peer.address() as net.AddressInfo).port));
  assert.deepEqual(shares, [[X25519MLKEM768, X25519]]);
  for (const group of ["X25519MLKEM768", "X25519", "P-256"]) {
    const server = await serve(context, { groups: [group] });
    assert.equal((await clientOf().dial(server.port)).kind, "accepted");
  }
  const server = await serve(context, { groups: ["P-521"] });
  await assert.rejects(clientOf().dial(server.port), /handshake failure/);
});

test("groups that are configured are the only ones", async (context) => {
  const server = await serve(context, { groups: ["P-384"] });
  assert.equal((await dial(server, { ecdhCurve: "P-384" }))?.group, "secp384r1");
  assert.equal(await dial(server, { ecdhCurve: "X25519MLKEM768:X25519" }), undefined);
});

test("TLS 1.2 is refused where 1.3 is the least, and the reason says so", async (context) => {
  const server = await serve(context);
  assert.equal(await dial(server, { maxVersion: "TLSv1.2" }), undefined);
  assert.deepEqual(reasons(server), ["the peer offers no TLS version that is allowed here"]);
});

test("TLS 1.2, where it is allowed, has forward secrecy and authenticated encryption", async (context) => {
  const server = await serve(context, { minVersion: "TLSv1.2" });
  const with_ = async (ciphers: string): Promise<string | null | undefined> =>
    (await dial(server, { maxVersion: "TLSv1.2", ciphers }))?.protocol;
  assert.equal(await with_("ECDHE-ECDSA-AES128-GCM-SHA256"), "TLSv1.2");
  assert.equal(await with_("ECDHE-ECDSA-CHACHA20-POLY1305"), "TLSv1.2");
  assert.deepEqual(reasons(server), []);
  assert.equal(await with_("ECDHE-ECDSA-AES128-SHA256:AES128-GCM-SHA256"), undefined);
  assert.deepEqual(reasons(server), ["the peer offers no cipher that is allowed here"]);
  assert.equal((await dial(server, {}))?.protocol, "TLSv1.3");
});
