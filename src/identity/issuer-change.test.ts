/** An agent whose root is being replaced: it renews at a moment of its own choice, and trusts what it is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { SeededPrng } from "../core/prng.ts";
import { createTestAuthority } from "./certificate-fixtures.ts";
import { LocalCertificateSource } from "./certificate-source.ts";
import { IdentityAgent } from "./identity-agent.ts";
import { rootIdOf } from "./root-id.ts";
import { requireSpiffeId } from "./spiffe-id.ts";
import { formatTrustBundlePem } from "./trust-bundle.ts";

const TRUST_DOMAIN = "mesh.test";
const HOUR_MS = 3_600_000;
const WITHIN_MS = 20_000;
const spiffeId = requireSpiffeId(`spiffe://${TRUST_DOMAIN}/ns/shop/sa/catalog`);

/** An old and a new authority, and agents of either. */
function fixture() {
  const clock = new ManualClock();
  const old = createTestAuthority(TRUST_DOMAIN, clock);
  const next = createTestAuthority(TRUST_DOMAIN, clock);
  const bundle = { trustDomain: TRUST_DOMAIN, roots: [...old.bundle.roots, ...next.bundle.roots] };
  const signing = { authority: old.authority };
  const start = async (seed: number): Promise<IdentityAgent> => {
    const agent = new IdentityAgent({
      spiffeId,
      source: new LocalCertificateSource({
        authority: { issue: (request) => signing.authority.issue(request) },
        getTrustBundle: () => bundle,
        getLifetimeMs: () => 24 * HOUR_MS,
        spiffeId,
        dnsNames: [],
      }),
      clock,
      prng: new SeededPrng(seed),
      logger: silentLogger,
    });
    await agent.start();
    await agent.whenReady();
    return agent;
  };
  const ids = {
    old: rootIdOf(old.authority.certificate),
    next: rootIdOf(next.authority.certificate),
  };
  return { clock, signing, next: next.authority, start, ids, oldBundle: old.bundle };
}

async function obtained(agent: IdentityAgent, count: number): Promise<void> {
  while (agent.status.obtainedCount < count) await new Promise(setImmediate);
}

test("certificates under another root are renewed, spread over the time that is given", async () => {
  const { clock, signing, next, start, ids } = fixture();
  const agents = await Promise.all([1, 2, 3, 4].map(start));
  assert.deepEqual(new Set(agents.map(({ status }) => status.rootId)), new Set([ids.old]));
  signing.authority = next;
  const startMs = clock.nowMs();
  for (const agent of agents) agent.setIssuers([ids.next], WITHIN_MS);
  const dueMs = agents.map(({ status }) => (status.renewAtMs ?? 0) - startMs);
  assert.ok(
    dueMs.every((ms) => ms >= 0 && ms <= WITHIN_MS),
    `${dueMs}`,
  );
  assert.equal(new Set(dueMs).size, agents.length, "each at a moment of its own");
  clock.advance(WITHIN_MS + 1000);
  await Promise.all(agents.map((agent) => obtained(agent, 2)));
  assert.deepEqual(new Set(agents.map(({ status }) => status.rootId)), new Set([ids.next]));
  for (const agent of agents) {
    agent.setIssuers([ids.next], WITHIN_MS);
    assert.ok((agent.status.renewAtMs ?? 0) > clock.nowMs() + HOUR_MS, "now it has time");
    await agent.stop();
  }
});

test("an authority that has not changed over yet is asked again, but not pressed", async () => {
  const { clock, signing, next, start, ids } = fixture();
  const agent = await start(1);
  agent.setIssuers([ids.next], WITHIN_MS);
  clock.advance(WITHIN_MS + 1000);
  await obtained(agent, 2);
  assert.equal(agent.status.rootId, ids.old);
  const waitMs = (agent.status.renewAtMs ?? 0) - clock.nowMs();
  assert.ok(waitMs >= WITHIN_MS && waitMs <= 2 * WITHIN_MS, `${waitMs}`);
  signing.authority = next;
  clock.advance(2 * WITHIN_MS + 1000);
  await obtained(agent, 3);
  assert.equal(agent.status.rootId, ids.next);
  await agent.stop();
});

test("a bundle that comes another way holds at once, and is told only when it is another one", async () => {
  const { start, ids, oldBundle } = fixture();
  const agent = await start(1);
  let told = 0;
  agent.onUpdate(() => {
    told += 1;
  });
  assert.deepEqual(
    agent.status.roots.map(({ id }) => id),
    [ids.old, ids.next],
  );
  agent.setTrustBundle(formatTrustBundlePem(oldBundle));
  agent.setTrustBundle(formatTrustBundlePem(oldBundle));
  assert.equal(told, 1);
  assert.deepEqual(
    agent.status.roots.map(({ id }) => id),
    [ids.old],
  );
  await agent.stop();
});
