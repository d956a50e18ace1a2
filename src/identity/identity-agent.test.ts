/** The agent against a real certificate service over real TLS, with the time in our hands. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeEach, test } from "node:test";
import { type Clock, ManualClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { SeededPrng } from "../core/prng.ts";
import { createTestAuthority, issueTestSvid } from "./certificate-fixtures.ts";
import type {
  CertificateRequest,
  CertificateSource,
  SignedCertificate,
} from "./certificate-source.ts";
import { LocalCertificateSource } from "./certificate-source.ts";
import {
  CONTROL_PLANE_ID,
  startTestControlPlane,
  TEST_TRUST_DOMAIN,
  type TestControlPlane,
} from "./control-plane-fixtures.ts";
import { ControlPlaneSource } from "./control-plane-source.ts";
import { createCsr, publicKeyFromCsr } from "./csr.ts";
import { IdentityAgent } from "./identity-agent.ts";
import { verifyPeer } from "./peer-verifier.ts";
import { parsePem } from "./pem.ts";
import { requireSpiffeId } from "./spiffe-id.ts";
import type { IdentityUpdate } from "./svid.ts";
import type { TokenSource } from "./token-source.ts";
import { formatTrustBundlePem, TrustBundleSet, trustBundleFromDer } from "./trust-bundle.ts";

const HOUR_MS = 3_600_000;
const spiffeId = requireSpiffeId("spiffe://mesh.test/ns/shop/sa/catalog");
const workload = { namespace: "shop", serviceAccount: "catalog" };

let clock: ManualClock;
let controlPlane: TestControlPlane;

beforeEach(async () => {
  clock = new ManualClock();
  controlPlane = await startTestControlPlane(clock);
});

afterEach(() => controlPlane.stop());

/** Tokens straight from the control plane, counted. */
class CountingTokenSource implements TokenSource {
  count = 0;

  async getCredentials() {
    this.count += 1;
    const { token } = controlPlane.tokens.create({ trustDomain: TEST_TRUST_DOMAIN, ...workload });
    return { token, trustBundlePem: formatTrustBundlePem(controlPlane.bundle) };
  }
}

function sourceWith(tokenSource: TokenSource): CertificateSource {
  return new ControlPlaneSource({
    trustDomain: TEST_TRUST_DOMAIN,
    client: controlPlane.client,
    tokenSource,
    clock,
  });
}

function createAgent(source: CertificateSource, seed = 1): IdentityAgent {
  return new IdentityAgent({
    spiffeId,
    source,
    clock,
    prng: new SeededPrng(seed),
    logger: silentLogger,
  });
}

function nextUpdate(agent: IdentityAgent): Promise<IdentityUpdate> {
  return new Promise((resolve) => {
    const unsubscribe = agent.onUpdate((update) => {
      unsubscribe();
      resolve(update);
    });
  });
}

/** A source that fails while told to, and tells when it was asked. */
class FlakySource implements CertificateSource {
  readonly #inner: CertificateSource;
  isFailing = false;
  readonly askedAtMs: number[] = [];
  #onAsked: () => void = () => {};

  constructor(inner: CertificateSource) {
    this.#inner = inner;
  }

  /** Resolves when it is asked next. */
  asked(): Promise<void> {
    return new Promise((resolve) => {
      this.#onAsked = resolve;
    });
  }

  async obtain(request: CertificateRequest): Promise<SignedCertificate> {
    this.askedAtMs.push(clock.monotonicMs());
    this.#onAsked();
    if (this.isFailing) throw new Error("the control plane is away");
    return this.#inner.obtain(request);
  }
}

/** Lets promises that are under way finish, without time passing. */
async function settle(agent: IdentityAgent, failures: number): Promise<void> {
  while (agent.status.failureCount < failures) await new Promise(setImmediate);
  await new Promise(setImmediate);
}

function localSource(lifetimeMs = 24 * HOUR_MS): LocalCertificateSource {
  return new LocalCertificateSource({
    authority: controlPlane.authority,
    getTrustBundle: () => controlPlane.bundle,
    getLifetimeMs: () => lifetimeMs,
    spiffeId,
    dnsNames: [],
  });
}

test("the first certificate comes by a token, the next by the one before", async () => {
  const tokens = new CountingTokenSource();
  const agent = createAgent(sourceWith(tokens));
  assert.equal(agent.status.state, "joining");
  await agent.start();
  const first = await agent.whenReady();
  assert.equal(first.spiffeId, spiffeId);
  assert.equal(first.trustBundlePem, formatTrustBundlePem(controlPlane.bundle));
  assert.equal(first.notAfterMs, clock.nowMs() + 24 * HOUR_MS);
  assert.match(first.privateKeyPem, /^-----BEGIN PRIVATE KEY-----\n/);
  const chain = parsePem(first.certificateChainPem, "CERTIFICATE");
  assert.equal(verifyPeer(chain, controlPlane.bundles, clock.nowMs()).ok, true);

  const { renewAtMs = 0 } = agent.status;
  const renewed = nextUpdate(agent);
  await new Promise(setImmediate);
  clock.advance(renewAtMs - clock.nowMs() - 1);
  assert.equal(agent.status.obtainedCount, 1, "not a millisecond early");
  clock.advance(1);
  const second = await renewed;
  assert.equal(second.notAfterMs, Math.floor((renewAtMs + 24 * HOUR_MS) / 1000) * 1000);
  assert.notEqual(
    second.privateKeyPem,
    first.privateKeyPem,
    "each certificate has a key of its own",
  );
  assert.equal(tokens.count, 1);
  assert.deepEqual([agent.status.state, agent.status.obtainedCount], ["valid", 2]);
  await agent.stop();
});

test("renewal is due at 45 to 55 % of life, spread over the fleet", async () => {
  const parts: number[] = [];
  for (let seed = 0; seed < 40; seed++) {
    const agent = createAgent(localSource(), seed);
    await agent.start();
    await agent.whenReady();
    parts.push(((agent.status.renewAtMs ?? 0) - clock.nowMs()) / (24 * HOUR_MS));
    await agent.stop();
  }
  assert.ok(parts.every((part) => part >= 0.45 && part < 0.55));
  assert.ok(Math.max(...parts) - Math.min(...parts) > 0.08);
});

/** A clock whose timers do not run while it sleeps, as those of a suspended machine. */
class SleepingClock implements Clock {
  readonly #inner: ManualClock;
  readonly #missed: (() => void)[] = [];
  #isAsleep = false;

  constructor(inner: ManualClock) {
    this.#inner = inner;
  }

  nowMs(): number {
    return this.#inner.nowMs();
  }

  monotonicMs(): number {
    return this.#inner.monotonicMs();
  }

  schedule(delayMs: number, callback: () => void) {
    return this.#inner.schedule(delayMs, () => {
      if (this.#isAsleep) this.#missed.push(callback);
      else callback();
    });
  }

  sleep(ms: number): void {
    this.#isAsleep = true;
    this.#inner.advance(ms);
    this.#isAsleep = false;
  }

  /** Runs the timers that fell due during sleep. */
  wake(): void {
    for (const callback of this.#missed.splice(0)) callback();
  }
}

test("after sleeping past the end the wall clock rules, and a token joins anew", async () => {
  const tokenSource = new CountingTokenSource();
  const sleeping = new SleepingClock(clock);
  const { client } = controlPlane;
  const agent = new IdentityAgent({
    spiffeId,
    source: new ControlPlaneSource({
      trustDomain: TEST_TRUST_DOMAIN,
      client,
      tokenSource,
      clock: sleeping,
    }),
    clock: sleeping,
    prng: new SeededPrng(2),
    logger: silentLogger,
  });
  await agent.start();
  await agent.whenReady();
  await new Promise(setImmediate);
  sleeping.sleep(7 * 24 * HOUR_MS);
  assert.equal(agent.status.state, "expired");
  const renewed = nextUpdate(agent);
  sleeping.wake();
  await renewed;
  assert.deepEqual([agent.status.state, tokenSource.count], ["valid", 2]);
  await agent.stop();
});

test("a renewal that is refused turns into a join", async () => {
  const tokens = new CountingTokenSource();
  const source = sourceWith(tokens);
  const stranger = createTestAuthority(TEST_TRUST_DOMAIN, clock).authority;
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const svid = issueTestSvid(stranger, spiffeId);
  const signed = await source.obtain({
    csrDer: createCsr(keys),
    current: { svid, bundle: controlPlane.bundle },
  });
  assert.equal(verifyPeer(signed.chainDer, controlPlane.bundles, clock.nowMs()).ok, true);
  assert.equal(tokens.count, 1);
});

test("failures are retried with growing pauses, and the last good certificate stays", async () => {
  const source = new FlakySource(localSource(HOUR_MS));
  const agent = createAgent(source);
  await agent.start();
  const first = await agent.whenReady();
  await new Promise(setImmediate);
  source.isFailing = true;
  let asked = source.asked();
  clock.advance(HOUR_MS * 0.55);
  await asked;
  for (let failures = 1; failures < 12; failures++) {
    await settle(agent, failures);
    assert.equal(agent.current?.privateKeyPem, first.privateKeyPem);
    asked = source.asked();
    clock.advance(60_000);
    await asked;
  }
  await settle(agent, 12);
  assert.match(agent.status.lastError ?? "", /control plane is away/);
  const pauses = source.askedAtMs
    .slice(2)
    .map((at, index) => at - (source.askedAtMs[index + 1] ?? 0));
  assert.ok(pauses.every((pause) => pause >= 0 && pause <= 60_000));
  clock.advance(0);
  source.isFailing = false;
  const renewed = nextUpdate(agent);
  clock.advance(60_000);
  await renewed;
  assert.deepEqual([agent.status.failureCount, agent.status.lastError], [0, undefined]);
  await agent.stop();
});

test("an expired certificate is kept and called expired, until there is a new one", async () => {
  const source = new FlakySource(localSource(HOUR_MS));
  const agent = createAgent(source);
  await agent.start();
  const first = await agent.whenReady();
  await new Promise(setImmediate);
  source.isFailing = true;
  clock.advance(HOUR_MS + 1_000);
  await settle(agent, 1);
  assert.equal(agent.status.state, "expired");
  assert.equal(agent.current?.certificateChainPem, first.certificateChainPem);
  await agent.stop();
  assert.equal(clock.pendingCount, 0, "nothing is left running");
});

test("a wall clock that is set back makes the certificate due", async () => {
  let offsetMs = 0;
  const movable = {
    nowMs: () => clock.nowMs() + offsetMs,
    monotonicMs: () => clock.monotonicMs(),
    schedule: (delayMs: number, callback: () => void) => clock.schedule(delayMs, callback),
  };
  const { authority, bundle } = createTestAuthority(TEST_TRUST_DOMAIN, movable);
  clock.advance(2 * HOUR_MS);
  const source = new LocalCertificateSource({
    authority,
    getTrustBundle: () => bundle,
    getLifetimeMs: () => 24 * HOUR_MS,
    spiffeId,
    dnsNames: [],
  });
  const agent = new IdentityAgent({
    spiffeId,
    source,
    clock: movable,
    prng: new SeededPrng(1),
    logger: silentLogger,
  });
  await agent.start();
  const first = await agent.whenReady();
  await new Promise(setImmediate);
  offsetMs = -HOUR_MS;
  const renewed = nextUpdate(agent);
  clock.advance(5_000);
  assert.ok((await renewed).notBeforeMs < first.notBeforeMs);
  await agent.stop();
});

test("a certificate for another identity, key, or bundle is not taken over", async () => {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKey = publicKeyFromCsr(createCsr(keys));
  const issue = (id: string, csrDer: Buffer | undefined) =>
    controlPlane.authority.issue({
      publicKey: csrDer === undefined ? publicKey : publicKeyFromCsr(csrDer),
      spiffeId: requireSpiffeId(id),
      lifetimeMs: HOUR_MS,
    }).chainDer;
  const { bundle } = controlPlane;
  const strange = createTestAuthority(TEST_TRUST_DOMAIN, clock).bundle;
  for (const [obtain, reason] of [
    [
      (r: CertificateRequest) => ({ chainDer: issue(`${spiffeId}2`, r.csrDer), bundle }),
      /peer is .*catalog2, expected/,
    ],
    [() => ({ chainDer: issue(spiffeId, undefined), bundle }), /for another key/],
    [
      (r: CertificateRequest) => ({ chainDer: issue(spiffeId, r.csrDer), bundle: strange }),
      /not issued under/,
    ],
    [
      (r: CertificateRequest) => ({
        chainDer: issue(spiffeId, r.csrDer),
        bundle: trustBundleFromDer(TEST_TRUST_DOMAIN, []),
      }),
      /bundle is empty/,
    ],
    [() => ({ chainDer: [], bundle }), /no certificate/],
  ] as const) {
    const agent = createAgent({ obtain: async (request) => obtain(request) });
    await agent.start();
    await settle(agent, 1);
    assert.match(agent.status.lastError ?? "", reason);
    assert.equal(agent.current, undefined);
    await agent.stop();
  }
});

test("listeners hear of new roots, and one that fails does not harm the others", async () => {
  const agent = createAgent(localSource());
  await agent.start();
  await agent.whenReady();
  const heard: string[] = [];
  agent.onUpdate(() => {
    throw new Error("broken listener");
  });
  agent.onUpdate((update) => heard.push(update.trustBundlePem));
  const other = createTestAuthority(TEST_TRUST_DOMAIN, clock).bundle;
  const both = formatTrustBundlePem(controlPlane.bundle) + formatTrustBundlePem(other);
  agent.setTrustBundle(both);
  assert.deepEqual(heard, [both]);
  assert.equal(agent.channelIdentity.bundles.get(TEST_TRUST_DOMAIN)?.roots.length, 2);
  assert.throws(() => agent.setTrustBundle("-----BEGIN CERTIFICATE-----"), /malformed PEM/);
  assert.equal(agent.channelIdentity.bundles.get(TEST_TRUST_DOMAIN)?.roots.length, 2);
  await agent.stop();
});

test("the control plane's own certificate comes from the authority beside it", async () => {
  const agent = new IdentityAgent({
    spiffeId: requireSpiffeId(CONTROL_PLANE_ID),
    source: new LocalCertificateSource({
      authority: controlPlane.authority,
      getTrustBundle: () => controlPlane.bundle,
      getLifetimeMs: () => HOUR_MS,
      spiffeId: requireSpiffeId(CONTROL_PLANE_ID),
      dnsNames: ["control-plane.tulle-system.svc"],
    }),
    clock,
    prng: new SeededPrng(1),
    logger: silentLogger,
  });
  agent.onUpdate((update) =>
    controlPlane.listener.setIdentity({
      svid: update,
      bundles: new TrustBundleSet([controlPlane.bundle]),
    }),
  );
  await agent.start();
  await agent.whenReady();
  const sidecar = createAgent(sourceWith(new CountingTokenSource()));
  await sidecar.start();
  assert.equal((await sidecar.whenReady()).spiffeId, spiffeId);
  await sidecar.stop();
  await agent.stop();
});
