/** Requests that clients give up early over HTTP/2: a stranger is cut off after some, a peer of the mesh passes on what its clients do. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { PREMATURE_RESETS_MAX } from "../../src/core/limits.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import {
  DOWNSTREAM_TLS,
  idFor,
  keyPair,
  rootOf,
  setIdentity,
} from "../support/proxy-identities.ts";
import { FRAME, RawHttp2Client, requestFields } from "../support/raw-http2-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const root = rootOf("root");
const { common_tls_context: common } = DOWNSTREAM_TLS as { common_tls_context: JsonObject };
const TLS: JsonObject = {
  ...DOWNSTREAM_TLS,
  common_tls_context: { ...common, alpn_protocols: ["h2"] },
};

/** No time limit ends what waits for its client. */
const ENDLESS: JsonObject = {
  match: { prefix: "/" },
  route: { cluster: "app", timeout: "0s" },
};

/** A sidecar in front of an app that answers nobody; resolves each `arrival` when a request has reached the app. */
async function silentApp(context: TestContext) {
  let arrive = (): void => {};
  const app = await RawUpstream.start(context, { onRequest: () => arrive() });
  const cluster = { name: "app", endpoints: [app.port] };
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf(
      [
        { name: "mesh", routes: "app", direction: "INBOUND", tls: TLS },
        { name: "open", routes: "app" },
      ],
      [cluster],
    ),
  );
  setIdentity(proxy.dataPlane, keyPair(root, [idFor("app")]), [root]);
  const arrival = (): Promise<void> =>
    new Promise((resolve) => {
      arrive = resolve;
    });
  return { proxy, arrival };
}

/** Asks and gives up as soon as the app has the request. Resolves once the session took note. */
async function giveUp(session: ClientHttp2Session, arrival: () => Promise<void>): Promise<void> {
  const arrived = arrival();
  const stream = session.request({ ":path": "/" });
  stream.on("error", () => {});
  await arrived;
  const closed = once(stream, "close");
  stream.close(constants.NGHTTP2_CANCEL);
  await closed;
}

test("a stranger who gives up request after request is cut off", async (t) => {
  const { proxy, arrival } = await silentApp(t);
  const session = connect(`http://127.0.0.1:${proxy.port("open")}`);
  t.after(() => session.destroy());
  session.on("error", () => {});
  const goaway = once(session, "goaway");
  for (let i = 0; i <= PREMATURE_RESETS_MAX; i++) await giveUp(session, arrival);
  const [code] = await goaway;
  assert.equal(code, constants.NGHTTP2_ENHANCE_YOUR_CALM);
});

test("a peer of the mesh whose clients give up keeps its connection", async (t) => {
  const { proxy, arrival } = await silentApp(t);
  const { cert, key } = keyPair(root, [idFor("web")]);
  const session = connect(`https://127.0.0.1:${proxy.port("mesh")}`, {
    ...{ cert, key, rejectUnauthorized: false },
  });
  t.after(() => session.destroy());
  for (let i = 0; i <= 2 * PREMATURE_RESETS_MAX; i++) await giveUp(session, arrival);
  const failure = await new Promise((resolve) => session.ping(resolve));
  assert.equal(failure, null, "the connection is still there");
});

test("an answer that its client can never take is given up when the client has ended", async (t) => {
  const body = "x".repeat(1024 * 1024);
  const app = await RawUpstream.start(t, { onRequest: ({ reply }) => reply(body) });
  const proxy = await ProxyFixture.start(
    t,
    bootstrapOf([{ routes: [ENDLESS] }], [{ name: "app", endpoints: [app.port] }]),
  );
  const client = await RawHttp2Client.connect(proxy.port(), { windowBytes: 0 });
  client.request(1, requestFields("/"));
  client.request(3, requestFields("/"));
  await client.until(() => client.received(FRAME.headers).length === 2);
  const closed = app.connections.map(({ socket }) => {
    socket.on("error", () => {});
    return new Promise((resolve) => socket.on("close", resolve));
  });
  client.socket.end();
  await Promise.all(closed);
  assert.equal(closed.length, 2);
});
