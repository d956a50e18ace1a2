/** Real handshakes over loopback: who gets in as whom, and what the log says about the others. */
import assert from "node:assert/strict";
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from "node:net";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import {
  Client,
  type Server,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { ManualClock } from "../core/clock.ts";
import {
  createTestAuthority,
  createTestLeaf,
  createTestRoot,
  generateTestKey,
  issueTestSvid,
  svidOf,
} from "./certificate-fixtures.ts";
import {
  CONTROL_PLANE_ID,
  startTestControlPlane,
  type TestControlPlane,
} from "./control-plane-fixtures.ts";
import { createMeshChannelCredentials } from "./grpc-credentials.ts";
import { peerOf } from "./grpc-listener.ts";
import type { Svid } from "./svid.ts";
import { TrustBundleSet } from "./trust-bundle.ts";

const WORKLOAD_ID = "spiffe://mesh.test/ns/shop/sa/catalog";
const MINUTE_MS = 60_000;

const identity = (bytes: Buffer): Buffer => bytes;

/** A method that answers with the caller's id and, beside it, why a certificate was refused. */
function addWhoAmI(
  server: Server,
  refusalOf: () => TestControlPlane["listener"]["refusalOf"],
): void {
  server.addService(
    {
      Who: {
        path: "/test.WhoAmI/Who",
        requestStream: false,
        responseStream: false,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      },
    },
    {
      Who: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
        const answer = { id: peerOf(call)?.spiffeId, refusal: refusalOf()(call) };
        callback(null, Buffer.from(JSON.stringify(answer)));
      },
    },
  );
}

interface Answer {
  readonly id?: string;
  readonly refusal?: string;
}

function channel(
  controlPlane: TestControlPlane,
  svid: Svid | undefined,
  more: { readonly bundles?: TrustBundleSet; readonly expected?: readonly string[] } = {},
): Client {
  const credentials = createMeshChannelCredentials({
    getIdentity: () => ({ svid, bundles: more.bundles ?? controlPlane.bundles }),
    expectedServerIds: more.expected ?? [CONTROL_PLANE_ID],
    clock,
  });
  return new Client(controlPlane.address, credentials, { "grpc.use_local_subchannel_pool": 1 });
}

function who(client: Client): Promise<Answer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      "/test.WhoAmI/Who",
      identity,
      identity,
      Buffer.alloc(0),
      (error, answer) => {
        if (error !== null) reject(error);
        else resolve(JSON.parse(String(answer)));
      },
    );
  });
}

async function whoOnce(client: Client): Promise<Answer> {
  try {
    return await who(client);
  } finally {
    client.close();
  }
}

const clock = new ManualClock();
let controlPlane: TestControlPlane;

before(async () => {
  controlPlane = await startTestControlPlane(clock, {
    addServices: (server) =>
      addWhoAmI(server, () => (call) => controlPlane.listener.refusalOf(call)),
  });
});

after(() => controlPlane.stop());

test("a client without a certificate gets in and is nobody", async () => {
  assert.deepEqual(await whoOnce(channel(controlPlane, undefined)), {});
});

test("a client with an SVID is known by its id", async () => {
  const svid = issueTestSvid(controlPlane.authority, WORKLOAD_ID);
  assert.deepEqual(await whoOnce(channel(controlPlane, svid)), { id: WORKLOAD_ID });
});

test("bad certificates make nobody of a client, and the log says why", async () => {
  const nowMs = clock.nowMs();
  const { authority } = controlPlane;
  const expired = issueTestSvid(authority, WORKLOAD_ID, -3 * MINUTE_MS);
  const foreign = createTestAuthority("other.test", clock).authority;
  const stranger = createTestRoot(nowMs, "stranger");
  const forged = { name: authority.certificate.subjectDer, key: generateTestKey() };
  for (const [svid, code, reason] of [
    [expired, "expired", "peer certificate expired 3 minutes ago"],
    [
      issueTestSvid(foreign, "spiffe://other.test/ns/shop/sa/catalog"),
      "untrusted-domain",
      "peer belongs to trust domain other.test, which is not trusted here",
    ],
    [
      svidOf(createTestLeaf(nowMs, stranger, [WORKLOAD_ID, `${WORKLOAD_ID}2`]), WORKLOAD_ID),
      "uri-san-count",
      "peer certificate has 2 URI SANs, an SVID has exactly one",
    ],
    [
      svidOf(createTestLeaf(nowMs, stranger, [WORKLOAD_ID]), WORKLOAD_ID, [stranger.der]),
      "untrusted-issuer",
      "peer certificate was not issued under any of the 1 roots of trust domain mesh.test",
    ],
    [
      svidOf(createTestLeaf(nowMs, forged, [WORKLOAD_ID]), WORKLOAD_ID),
      "bad-signature",
      "peer certificate was not signed by the key of the issuer that it names",
    ],
  ] as const) {
    assert.deepEqual(await whoOnce(channel(controlPlane, svid)), { refusal: reason });
    const line = controlPlane.log.findLast(
      (entry) => entry["message"] === "client certificate refused",
    );
    assert.deepEqual([line?.["code"], line?.["reason"], line?.["level"]], [code, reason, "warn"]);
  }
});

test("a client refuses a server that is not the one expected, before it sends anything", async () => {
  const callsBefore = controlPlane.log.length;
  const other = createTestAuthority("mesh.test", clock).bundle;
  for (const [more, reason] of [
    [{ bundles: new TrustBundleSet([other]) }, /not issued under any/],
    [{ bundles: new TrustBundleSet() }, /trust domain mesh\.test, which is not trusted here/],
    [{ expected: [WORKLOAD_ID] }, /peer is .*control-plane, expected .*catalog/],
  ] as const) {
    await assert.rejects(whoOnce(channel(controlPlane, undefined, more)), (error: unknown) => {
      assert.ok(error instanceof Error && "code" in error);
      assert.equal(error.code, status.UNAVAILABLE);
      assert.match(error.message, reason);
      return true;
    });
  }
  const since = controlPlane.log.slice(callsBefore).map((entry) => entry["message"]);
  assert.equal(since.includes("certificate issued"), false);
});

test("plain text and other protocols are turned away with a line in the log", async () => {
  const plain = connectTcp(controlPlane.listener.port, "127.0.0.1");
  plain.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await new Promise((resolve) => plain.once("close", resolve).resume());
  const failed = controlPlane.log.findLast((entry) => entry["message"] === "handshake failed");
  assert.match(String(failed?.["error"]), /http request|wrong version/i);

  const http1 = connectTls({
    port: controlPlane.listener.port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
  });
  http1.on("error", () => {});
  await new Promise((resolve) => http1.once("close", resolve).resume());
  const closed = controlPlane.log.findLast((entry) => entry["message"] === "connection closed");
  assert.equal(closed?.["reason"], "peer does not speak HTTP/2");
});

test("TLS 1.2 is refused and no session can be resumed", async () => {
  const target = { port: controlPlane.listener.port, host: "127.0.0.1", rejectUnauthorized: false };
  const old = connectTls({ ...target, ALPNProtocols: ["h2"], maxVersion: "TLSv1.2" });
  const error = await new Promise<Error>((resolve) => old.once("error", resolve));
  assert.match(error.message, /protocol version/i);

  const session = await new Promise<Buffer>((resolve) => {
    const first = connectTls({ ...target, ALPNProtocols: ["h2"] }).resume();
    first.once("session", (ticket) => {
      first.destroy();
      resolve(ticket);
    });
  });
  const second = connectTls({ ...target, ALPNProtocols: ["h2"], session });
  await new Promise((resolve) => second.once("secureConnect", resolve));
  assert.equal(second.isSessionReused(), false);
  second.destroy();
});

test("a new server certificate is used at once, and open channels go on", async () => {
  const client = channel(controlPlane, undefined);
  await who(client);
  const serialOf = () =>
    new Promise<string>((resolve) => {
      const socket = connectTls({
        port: controlPlane.listener.port,
        host: "127.0.0.1",
        rejectUnauthorized: false,
        ALPNProtocols: ["h2"],
      });
      socket.once("secureConnect", () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
    });
  const serialBefore = await serialOf();
  const linesBefore = controlPlane.log.length;
  controlPlane.listener.setIdentity({
    svid: issueTestSvid(controlPlane.authority, CONTROL_PLANE_ID, 1e12),
    bundles: controlPlane.bundles,
  });
  assert.notEqual(await serialOf(), serialBefore);
  assert.deepEqual(await who(client), {});
  client.close();
  const closed = controlPlane.log
    .slice(linesBefore)
    .filter((line) => line["message"] === "connection closed");
  assert.deepEqual(closed, []);
});

test("a connection ends when the certificate of its client expires", async () => {
  const svid = issueTestSvid(controlPlane.authority, WORKLOAD_ID, MINUTE_MS);
  const client = channel(controlPlane, svid);
  assert.deepEqual(await who(client), { id: WORKLOAD_ID });
  clock.advance(MINUTE_MS - 1);
  assert.deepEqual(await who(client), { id: WORKLOAD_ID });
  clock.advance(2_000);
  const line = controlPlane.log.findLast((entry) => entry["message"] === "connection closed");
  assert.equal(line?.["reason"], "peer certificate expired");
  client.close();
});

test("T30: a client that proves nothing has a short while, and those that do are not touched", async () => {
  const svid = issueTestSvid(controlPlane.authority, WORKLOAD_ID);
  const [known, unknown] = [channel(controlPlane, svid), channel(controlPlane, undefined)];
  await Promise.all([who(known), who(unknown)]);
  const linesBefore = controlPlane.log.length;
  clock.advance(30_000);
  const closed = controlPlane.log
    .slice(linesBefore)
    .filter((entry) => entry["message"] === "connection closed");
  assert.deepEqual(
    closed.map((entry) => entry["reason"]),
    ["peer proved no identity in time"],
  );
  assert.deepEqual(await who(known), { id: WORKLOAD_ID });
  known.close();
  unknown.close();
});

test("a root that is taken away ends the connections that it vouched for", async () => {
  const svid = issueTestSvid(controlPlane.authority, WORKLOAD_ID);
  const [known, unknown] = [channel(controlPlane, svid), channel(controlPlane, undefined)];
  assert.deepEqual(await who(known), { id: WORKLOAD_ID });
  await who(unknown);
  const linesBefore = controlPlane.log.length;
  const serverSvid = issueTestSvid(controlPlane.authority, CONTROL_PLANE_ID, 1e12);
  controlPlane.listener.setIdentity({ svid: serverSvid, bundles: new TrustBundleSet() });
  const closed = controlPlane.log
    .slice(linesBefore)
    .filter((entry) => entry["message"] === "connection closed");
  assert.equal(closed.length, 1);
  assert.match(String(closed[0]?.["reason"]), /no longer trusted: .*which is not trusted here/);
  assert.deepEqual(await who(unknown), {});
  controlPlane.listener.setIdentity({ svid: serverSvid, bundles: controlPlane.bundles });
  known.close();
  unknown.close();
});

test("stopping does not wait for handshakes that never end", async () => {
  const stopping = await startTestControlPlane(clock);
  const silent = connectTcp(stopping.listener.port, "127.0.0.1");
  silent.on("error", () => {});
  const closed = new Promise((resolve) => silent.once("close", resolve));
  await new Promise((resolve) => silent.once("connect", resolve));
  await stopping.stop();
  await closed;
});

test("a client gives up a server that never finishes the handshake", async () => {
  const silent = createTcpServer((socket) => {
    socket.once("data", () => clock.advance(10_000));
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  const credentials = createMeshChannelCredentials({
    getIdentity: () => ({ svid: undefined, bundles: controlPlane.bundles }),
    expectedServerIds: [CONTROL_PLANE_ID],
    clock,
  });
  const client = new Client(`127.0.0.1:${port}`, credentials);
  await assert.rejects(whoOnce(client), /the handshake took too long/);
  await new Promise((resolve) => silent.close(resolve));
});

test("stopping drains: calls end, then connections, then the port is free", async () => {
  const stopping = await startTestControlPlane(clock, {
    addServices: (server) => addWhoAmI(server, () => () => undefined),
  });
  const client = channel(stopping, undefined);
  await who(client);
  await stopping.listener.stop(10_000);
  await assert.rejects(who(client));
  client.close();
  await stopping.stop();
});
