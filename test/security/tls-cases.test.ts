/**
 * Attacks on the TLS of a sidecar's inbound port, by `openssl s_client` and by records of our own: each is refused with
 * one line of the log or ends its own connection, the process lives on, and the next good connection works.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import {
  createTestIntermediate,
  svidOf,
  type TestIssuer,
} from "../../src/identity/certificate-fixtures.ts";
import { alternativeNamesDer, extendedKeyUsageDer } from "../../src/identity/certificate-writer.ts";
import { OID } from "../../src/identity/oid.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import {
  containedTls,
  DOWNSTREAM_TLS,
  idFor,
  type KeyPair,
  keyPair,
  rootOf,
  setIdentity,
  setRoots,
} from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import {
  clientHello,
  RECORD,
  recordHead,
  Tls13Client,
  withCompression,
} from "../support/tls13-client.ts";

const REQUEST = "GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n";
const FIRST = "GET / HTTP/1.1\r\nHost: app\r\n\r\n";
const REFUSED = "connection refused";

const root = rootOf();
const good = keyPair(root, [idFor("web")]);
const folder = mkdtempSync(join(tmpdir(), "tulle-tls-cases-"));
let proxy: ProxyProcess;
let port = 0;
const ends: (() => unknown)[] = [];
/** Connections that the app has seen. */
let reached = () => 0;

before(async () => {
  const context = { after: (end: () => unknown) => ends.unshift(end) } as unknown as TestContext;
  const app = await RawUpstream.echo(context);
  reached = () => app.requests.length;
  proxy = await ProxyProcess.start(
    context,
    bootstrapOf(
      [
        {
          name: "inbound",
          routes: "app",
          direction: "INBOUND",
          tls: containedTls(keyPair(root, [idFor("app")]), [root]),
        },
      ],
      [{ name: "app", endpoints: [app.port] }],
    ),
  );
  port = proxy.port("inbound");
});

after(async () => {
  for (const end of ends) await end();
  rmSync(folder, { recursive: true, force: true });
});

function fileOf(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

let pairs = 0;
function certificateArgs({ cert, key }: KeyPair): readonly string[] {
  const nth = pairs++;
  return [
    "-cert",
    fileOf(`${nth}.crt`, cert),
    "-cert_chain",
    fileOf(`${nth}.chain`, cert),
    "-key",
    fileOf(`${nth}.key`, key),
  ];
}

/** Sends a request once there is a connection, and gives all that came, its own words and the library's. */
async function sClient(to: number, args: readonly string[]): Promise<string> {
  const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${to}`, "-ign_eof", ...args]);
  let output = "";
  child.stdout.on("data", (bytes: Buffer) => {
    output += bytes.toString("latin1");
  });
  child.stderr.on("data", (bytes: Buffer) => {
    output += bytes.toString("latin1");
  });
  child.stdin.on("error", () => {});
  child.stdin.end(REQUEST);
  await once(child, "close");
  return output;
}

/** Writes bytes as they are. Resolves with what came when the other side has ended the connection. */
async function sendRaw(
  bytes: Uint8Array,
  more?: (write: (bytes: Uint8Array) => void) => void,
): Promise<Buffer> {
  const socket = connectTcp(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {});
  socket.write(bytes);
  more?.((next) => socket.write(next));
  await once(socket, "close");
  return Buffer.concat(chunks);
}

async function assertServesGood(): Promise<void> {
  const client = await RawClient.connectTls(port, good);
  client.get("/still");
  assert.equal((await client.response()).body, "/still");
  client.close();
  assert.equal(proxy.child.exitCode, null);
}

interface Attack {
  readonly run: () => Promise<string | Buffer>;
  /** Of the one line of the log. */
  readonly code: RegExp;
}

const openssl = (args: readonly string[], code: RegExp): Attack => ({
  run: () => sClient(port, args),
  code,
});
const raw = (bytes: Uint8Array, code: RegExp): Attack => ({ run: () => sendRaw(bytes), code });

const WEAK = ["-cipher", "ALL:@SECLEVEL=0"];
const hello = await clientHello();

function authority(issuer: TestIssuer): KeyPair {
  const signing = createTestIntermediate(Date.now(), issuer, "intermediate", {
    alternativeNames: alternativeNamesDer({ uris: [idFor("web")] }, true),
  });
  const svid = svidOf(signing, idFor("web"));
  return { cert: svid.certificateChainPem, key: svid.privateKeyPem };
}

function purposes(...oids: readonly string[]): KeyPair {
  return keyPair(root, [idFor("web")], { extendedKeyUsage: extendedKeyUsageDer([...oids]) });
}

/** A hello of SSLv2: its length with the highest bit set, CLIENT-HELLO, version 2, seven ciphers, a challenge. */
const SSL2_HELLO = Buffer.concat([
  Buffer.from("802e01000200150000001001008003008007", "hex"),
  Buffer.alloc(30),
]);

const ATTACKS: Readonly<Record<string, Attack>> = {
  "TLS 1.0": openssl(["-tls1", ...WEAK, ...certificateArgs(good)], /PROTOCOL|VERSION/),
  "TLS 1.1": openssl(["-tls1_1", ...WEAK, ...certificateArgs(good)], /PROTOCOL|VERSION/),
  "TLS 1.2": openssl(["-tls1_2", ...certificateArgs(good)], /PROTOCOL|VERSION/),
  "no certificate": openssl(["-tls1_3"], /^no-certificate$/),
  "a certificate of a server": openssl(certificateArgs(purposes(OID.serverAuth)), /./),
  "a certificate for signing code": openssl(certificateArgs(purposes("1.3.6.1.5.5.7.3.3")), /./),
  "an authority's own certificate": openssl(certificateArgs(authority(root)), /./),
  "an unknown protocol by ALPN": openssl(
    ["-alpn", "spdy/1", ...certificateArgs(good)],
    /^ERR_SSL_NO_APPLICATION_PROTOCOL$/,
  ),
  "opaque TCP's ALPN where HTTP is": openssl(
    ["-alpn", "tulle-tcp", ...certificateArgs(good)],
    /^ERR_SSL_NO_APPLICATION_PROTOCOL$/,
  ),
  "compression in the hello": raw(withCompression(hello, [1, 0]), /./),
  "compression alone": raw(withCompression(hello, [1]), /./),
  "an SSLv2 hello": raw(SSL2_HELLO, /./),
  "garbage before the hello": raw(Buffer.concat([Buffer.from("\0\x01garbage"), hello]), /./),
  "an unknown content type": raw(Buffer.concat([recordHead(99, 4), Buffer.alloc(4)]), /./),
  "an oversize record": raw(
    Buffer.concat([recordHead(22, 0xffff, 0x0301), Buffer.alloc(20_000, 1)]),
    /./,
  ),
  "application data first": raw(Buffer.concat([recordHead(23, 5), Buffer.from("GET /")]), /./),
  "an alert first": raw(Buffer.concat([recordHead(21, 2), Buffer.of(2, 40)]), /./),
  "a hello longer than any": raw(
    Buffer.concat([
      recordHead(22, 16_384, 0x0301),
      Buffer.of(1, 0xff, 0xff, 0xff),
      Buffer.alloc(16_380),
    ]),
    /./,
  ),
};

for (const [what, { run, code }] of Object.entries(ATTACKS)) {
  test(`${what}: refused with one line`, async () => {
    const from = proxy.log.length;
    const before = reached();
    const got = (await run()).toString("latin1");
    assert.doesNotMatch(got, /HTTP\/1\.1 200/);
    assert.equal(reached(), before, "nothing has reached the app");
    const line = await proxy.lineThat(({ message }) => message === REFUSED, from);
    assert.match(String(line["code"]), code, JSON.stringify(line));
    assert.equal(line["listener"], "inbound");
    await assertServesGood();
    const lines = proxy.log.slice(from).filter(({ message }) => message === REFUSED);
    assert.equal(lines.length, 1, JSON.stringify(lines));
  });
}

/** They hold a connection and never get on with it. All at once: the deadline is seconds away. */
const HALF: Readonly<Record<string, Buffer>> = {
  "an empty record and nothing more": recordHead(22, 0, 0x0301),
  "half a hello": hello.subarray(0, hello.length >> 1),
  "a hello, and no answer to what comes": hello,
};

test("half a handshake ends at its deadline, each with one line", async () => {
  const from = proxy.log.length;
  await Promise.all(Object.values(HALF).map((bytes) => sendRaw(bytes)));
  for (const [index] of Object.keys(HALF).entries()) {
    await proxy.lineThat((line) => refusals(from).indexOf(line) === index, from);
  }
  await assertServesGood();
  const codes = refusals(from).map(({ code }) => code);
  assert.deepEqual(
    codes,
    Object.keys(HALF).map(() => "ERR_TLS_HANDSHAKE_TIMEOUT"),
  );
});

function refusals(from: number) {
  return proxy.log.slice(from).filter(({ message }) => message === REFUSED);
}

/** Handshake messages (RFC 8446 section 4) that have no place once the handshake is done. */
const AFTERWARDS: Readonly<Record<string, (client: Tls13Client) => void>> = {
  "a renegotiation": (client) => client.write(RECORD.handshake, hello.subarray(5)),
  "a request for the server's certificate": (client) =>
    client.write(
      RECORD.handshake,
      Buffer.from("0d00000f01000008000d000400020403".padEnd(38, "0"), "hex"),
    ),
  "a second Finished": (client) =>
    client.write(RECORD.handshake, Buffer.concat([Buffer.of(20, 0, 0, 32), Buffer.alloc(32)])),
  "a new ticket for the server": (client) =>
    client.write(RECORD.handshake, Buffer.concat([Buffer.of(4, 0, 0, 16), Buffer.alloc(16)])),
  "half a message of the handshake, then data": (client) => {
    client.write(RECORD.handshake, Buffer.of(24, 0, 0));
    client.write(RECORD.applicationData, Buffer.from(REQUEST));
  },
  "an unknown content type": (client) => client.write(99, Buffer.from("x")),
  "a type of data outside that is none": (client) =>
    client.write(RECORD.applicationData, Buffer.from(REQUEST), RECORD.handshake),
  "a change of cipher": (client) => client.write(RECORD.changeCipherSpec, Buffer.of(1)),
  "data that nobody has encrypted": (client) =>
    client.raw.write(Buffer.concat([recordHead(RECORD.applicationData, 80), Buffer.alloc(80, 7)])),
  "more plain text than a record may have": (client) =>
    client.write(RECORD.applicationData, Buffer.alloc(16_385, "x")),
  "a record longer than any": (client) =>
    client.raw.write(
      Buffer.concat([recordHead(RECORD.applicationData, 0xffff), Buffer.alloc(20_000)]),
    ),
};

for (const [what, attack] of Object.entries(AFTERWARDS)) {
  test(`after the handshake ${what}: the connection ends, and it alone`, async () => {
    const from = proxy.log.length;
    const client = await Tls13Client.connect(port, good, FIRST);
    let got = "";
    client.secure.on("data", (bytes: Buffer) => {
      got += bytes.toString("latin1");
    });
    const before = reached();
    attack(client);
    await client.ended;
    client.close();
    assert.doesNotMatch(got, /HTTP\/1\.1 200/);
    assert.equal(reached(), before);
    await assertServesGood();
    assert.deepEqual(
      proxy.log.slice(from).filter(({ level }) => level === "error"),
      [],
    );
  });
}

test("records of our own are good ones where nothing is wrong with them", async () => {
  const client = await Tls13Client.connect(port, good, FIRST);
  const answer = once(client.secure, "data");
  client.write(RECORD.applicationData, Buffer.from(REQUEST));
  assert.match(String(await answer), /^HTTP\/1\.1 200/);
  client.close();
});

test("early data is refused: nothing is done twice", async () => {
  const session = join(folder, "session");
  const args = certificateArgs(good);
  assert.match(await sClient(port, ["-sess_out", session, ...args]), /HTTP\/1\.1 200/);
  const before = reached();
  const early = fileOf("early", "GET /early HTTP/1.1\r\nHost: app\r\n\r\n");
  const output = await sClient(port, ["-sess_in", session, "-early_data", early, ...args]);
  assert.match(output, /Early data was (?:not sent|rejected)/);
  assert.doesNotMatch(output, /Max Early Data: [1-9]/);
  assert.equal(reached(), before + 1, "the request that followed, and no other");
  await assertServesGood();
});

test("a session ends where trust changes: who is not trusted any more cannot come back by it", async (context) => {
  const app = await RawUpstream.echo(context);
  const fixture = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ name: "inbound", routes: "app", direction: "INBOUND", tls: DOWNSTREAM_TLS }],
      [{ name: "app", endpoints: [app.port] }],
    ),
  );
  setIdentity(fixture.dataPlane, keyPair(root, [idFor("app")]), [root]);
  const to = fixture.port("inbound");
  const session = join(folder, "trust");
  const args = certificateArgs(good);
  const first = await sClient(to, ["-sess_out", session, ...args]);
  assert.match(first, /HTTP\/1\.1 200/);
  const again = await sClient(to, ["-sess_in", session, ...args]);
  assert.match(again, /^Reused, TLSv1\.3/m);
  assert.match(again, /HTTP\/1\.1 200/);
  setRoots(fixture.dataPlane, [rootOf("another")]);
  const later = await sClient(to, ["-sess_in", session, ...args]);
  assert.doesNotMatch(later, /^Reused/m);
  assert.doesNotMatch(later, /HTTP\/1\.1 200/);
  const refused = fixture.log.filter(({ message }) => message === REFUSED);
  assert.deepEqual(
    refused.map(({ code }) => code),
    ["untrusted-issuer"],
  );
});
