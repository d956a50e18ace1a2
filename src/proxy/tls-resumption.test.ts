/** Resumed TLS sessions (T27): what they save, and everything after which they must not be taken. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { TLS_SESSION_LIFETIME_MS, TLS_SESSION_USES_MAX } from "../core/limits.ts";
import type { KeptChainsBounds } from "../net/kept-chains.ts";
import type { TlsSettings } from "./config/tls-settings.ts";
import {
  dialRaw,
  idOf,
  nameTest,
  settingsOf,
  TestTrust,
  TlsTestClient,
  TlsTestServer,
} from "./tls-fixtures.ts";

const HOUR_MS = 3_600_000;
/** Tickets are dated by the library's own clock. */
const START_MS = Date.now();
const trust = new TestTrust(START_MS);
const foreign = new TestTrust(START_MS, "foreign");

/** Two sidecars, their certificates good for a year, and the time, which a test may move. */
async function pair(
  context: TestContext,
  more: Partial<TlsSettings> = {},
  keptChains?: KeptChainsBounds,
) {
  const time = { nowMs: START_MS };
  const nowMs = (): number => time.nowMs;
  const settings = settingsOf(more);
  const server = await TlsTestServer.start(context, {
    settings,
    certificate: trust.certificate("app", START_MS),
    validation: trust.validation,
    nowMs,
    ...(keptChains === undefined ? {} : { keptChains }),
  });
  const clientOf = (account: string): TlsTestClient =>
    new TlsTestClient(settings, trust.certificate(account, START_MS), trust.validation, nowMs);
  return { time, server, client: clientOf("web"), clientOf };
}

function refusal(verdict: object | undefined): string {
  return String(verdict !== undefined && "code" in verdict ? verdict.code : "accepted");
}

/** What a client that obeys no rule has: its key, and a session of which it was accepted. */
async function rawSession(server: TlsTestServer, notAfterMs?: number) {
  const { chainPem: cert, keyPem: key } = trust.certificate("web", START_MS, notAfterMs);
  const first = await dialRaw(server.port, { cert, key });
  assert.equal(server.last?.kind, "accepted");
  const [session] = first?.sessions ?? [];
  assert.ok(session !== undefined);
  return { cert, key, session };
}

test("the next connections are resumed, and both peers are known by their whole chains", async (context) => {
  const { server, client } = await pair(context, { subjectNames: [nameTest(idOf("app"))] });
  server.subjectNames = [nameTest(idOf("web"))];
  for (let i = 0; i < 3; i++) assert.equal((await client.dial(server.port)).kind, "accepted");
  assert.deepEqual(client.counts, [1, 2]);
  assert.deepEqual(server.counts, [1, 2]);
  // The root signs no leaf: without the issuing certificate the verdict would be another.
  for (const verdict of server.verdicts) {
    assert.ok(verdict.kind === "accepted");
    assert.equal(verdict.principal, idOf("web"));
  }
});

test("each session serves few connections, then comes a full handshake", async (context) => {
  const { server, client } = await pair(context);
  // A server of OpenSSL gives two sessions with a full handshake, none with a resumed one.
  const perFull = 2 * TLS_SESSION_USES_MAX;
  for (let i = 0; i < perFull + 2; i++) await client.dial(server.port);
  assert.deepEqual(client.counts, [2, perFull]);
});

test("an expired client is refused also when it resumes", async (context) => {
  const { server, time } = await pair(context);
  const raw = await rawSession(server, START_MS + HOUR_MS / 2);
  time.nowMs += HOUR_MS / 2 + 1000;
  assert.equal((await dialRaw(server.port, raw))?.isResumed, true);
  assert.equal(refusal(server.last), "expired");
});

test("a client whose identity is not allowed any more is refused when it resumes", async (context) => {
  const { server } = await pair(context);
  const raw = await rawSession(server);
  server.subjectNames = [nameTest(idOf("admin"))];
  assert.equal((await dialRaw(server.port, raw))?.isResumed, true);
  assert.equal(refusal(server.last), "unexpected-identity");
});

test("a client that was refused is refused again with the session that it got", async (context) => {
  const { server } = await pair(context);
  const { chainPem: cert, keyPem: key } = foreign.certificate("web", START_MS);
  // TLS 1.3 sends tickets before anybody has judged.
  const first = await dialRaw(server.port, { cert, key });
  assert.equal(refusal(server.last), "untrusted-issuer");
  const session = first?.sessions[0];
  const options = session === undefined ? {} : { session };
  await dialRaw(server.port, { cert, key, ...options });
  assert.equal(server.verdicts.length, 2);
  assert.equal(refusal(server.last), "untrusted-issuer");
});

test("a new trust bundle ends the sessions that a server gave", async (context) => {
  const { server } = await pair(context);
  const raw = await rawSession(server);
  server.use(trust.certificate("app", START_MS), foreign.validation);
  assert.equal((await dialRaw(server.port, raw))?.isResumed, false);
  assert.equal(refusal(server.last), "untrusted-issuer");
});

test("a new trust bundle decides also on a resumed client whose handshake had begun before", async (context) => {
  const { server } = await pair(context);
  const raw = await rawSession(server);
  server.validation = foreign.validation;
  assert.equal((await dialRaw(server.port, raw))?.isResumed, true);
  assert.equal(refusal(server.last), "untrusted-issuer");
});

test("a renewed certificate of the server is seen at once", async (context) => {
  const { server, client } = await pair(context);
  await client.dial(server.port);
  const until = START_MS + 2 * HOUR_MS;
  server.use(trust.certificate("app", START_MS, until));
  const verdict = await client.dial(server.port);
  assert.ok(verdict.kind === "accepted");
  assert.ok(Math.abs(verdict.notAfterMs - until) < 1000);
  assert.deepEqual(client.counts, [2, 0]);
});

test("a new certificate or trust bundle ends the sessions that a client keeps", async (context) => {
  const { server, client } = await pair(context);
  await client.dial(server.port);
  client.secrets.setCertificate("default", trust.certificate("web", START_MS));
  await client.dial(server.port);
  assert.deepEqual(client.counts, [2, 0]);
  client.secrets.setValidation("ROOTCA", foreign.validation);
  const verdict = await client.dial(server.port);
  assert.match(String(verdict.kind === "refused" && verdict.reason), /untrusted-issuer/);
  assert.deepEqual(client.counts, [3, 0]);
});

test("secrets of others leave the sessions of a client alone", async (context) => {
  const { server, client } = await pair(context);
  await client.dial(server.port);
  client.secrets.setCertificate("other", trust.certificate("other", START_MS));
  await client.dial(server.port);
  assert.deepEqual(client.counts, [1, 1]);
});

test("a trust bundle that changes within a resumed handshake decides on it", async (context) => {
  const { server, client } = await pair(context);
  await client.dial(server.port);
  const verdict = await client.dial(server.port, () => {
    client.secrets.setValidation("ROOTCA", foreign.validation);
  });
  assert.deepEqual(client.counts, [1, 1]);
  assert.match(String(verdict.kind === "refused" && verdict.reason), /untrusted-issuer/);
});

test("a session ends with the certificate of the server that gave it", async (context) => {
  const { server, client, time } = await pair(context);
  server.use(trust.certificate("app", START_MS, START_MS + HOUR_MS / 2));
  await client.dial(server.port);
  time.nowMs += HOUR_MS / 2 + 1000;
  const verdict = await client.dial(server.port);
  assert.match(String(verdict.kind === "refused" && verdict.reason), /expired/);
  assert.deepEqual(client.counts, [2, 0]);
});

test("sessions end with their lifetime, on both sides", async (context) => {
  const { server, client, time } = await pair(context);
  await client.dial(server.port);
  const raw = await rawSession(server);
  time.nowMs += TLS_SESSION_LIFETIME_MS;
  assert.equal((await dialRaw(server.port, raw))?.isResumed, false);
  await client.dial(server.port);
  assert.deepEqual(client.counts, [2, 0]);
});

test("a clock that is set back ends sessions", async (context) => {
  const { server, client, time } = await pair(context);
  await client.dial(server.port);
  const raw = await rawSession(server);
  time.nowMs -= 1000;
  assert.equal((await dialRaw(server.port, raw))?.isResumed, false);
  await client.dial(server.port);
  assert.deepEqual(client.counts, [2, 0]);
});

test("where chains of clients find no room sessions end, and nobody is refused", async (context) => {
  const { server, client, clientOf } = await pair(context, {}, { countMax: 1, bytesMax: 10_000 });
  const other = clientOf("other");
  await client.dial(server.port);
  await other.dial(server.port);
  await client.dial(server.port);
  assert.deepEqual(client.counts, [2, 0]);
  await client.dial(server.port);
  assert.ok(server.verdicts.every(({ kind }) => kind === "accepted"));
});

test("sessions of one address are not offered to another", async (context) => {
  const one = await pair(context);
  const two = await pair(context);
  await one.client.dial(one.server.port);
  await one.client.dial(two.server.port);
  assert.deepEqual(one.client.counts, [2, 0]);
});

test("the session of one listener, or of one filter chain, is nothing to another", async (context) => {
  const one = await pair(context);
  const two = await pair(context);
  const raw = await rawSession(one.server);
  assert.equal((await dialRaw(two.server.port, raw))?.isResumed, false);
});

test("a peer that the TLS library verifies is never resumed", async (context) => {
  const { server, time } = await pair(context);
  const client = new TlsTestClient(
    settingsOf(),
    trust.certificate("web", START_MS),
    trust.plainValidation,
    () => time.nowMs,
  );
  server.use(trust.certificate("app", START_MS), trust.plainValidation);
  for (let i = 0; i < 2; i++) {
    const verdict = await client.dial(server.port);
    assert.ok(verdict.kind === "accepted");
    assert.ok(Number.isFinite(verdict.notAfterMs));
  }
  assert.deepEqual(client.counts, [2, 0]);
  // Also not by a client that would like to.
  const raw = await rawSession(server);
  assert.equal((await dialRaw(server.port, raw))?.isResumed, false);
});

test("TLS 1.2 is never resumed: its tickets have no forward secrecy", async (context) => {
  const { server, client } = await pair(context, { minVersion: "TLSv1.2" });
  const { chainPem: cert, keyPem: key } = trust.certificate("web", START_MS);
  const old = await dialRaw(server.port, { cert, key, maxVersion: "TLSv1.2" });
  assert.equal(old?.protocol, "TLSv1.2");
  const session = old.sessions.at(-1);
  const again = await dialRaw(server.port, {
    cert,
    key,
    maxVersion: "TLSv1.2",
    ...(session === undefined ? {} : { session }),
  });
  assert.equal(again?.isResumed, false);
  for (let i = 0; i < 2; i++) await client.dial(server.port);
  assert.deepEqual(client.counts, [2, 0]);
});
