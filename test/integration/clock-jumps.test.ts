/**
 * The wall clock jumps, as after a sleep or a correction: by then certificates have expired or are not valid yet. No
 * handshake shows one of those; it waits for the next certificate, and requests are answered.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { type Clock, ManualClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { SeededPrng } from "../../src/core/prng.ts";
import {
  startTestAdminSocket,
  startTestControlPlane,
  type TestControlPlane,
} from "../../src/identity/control-plane-fixtures.ts";
import { ControlPlaneSource } from "../../src/identity/control-plane-source.ts";
import { IdentityAgent } from "../../src/identity/identity-agent.ts";
import { workloadSpiffeId } from "../../src/identity/spiffe-id.ts";
import { SocketTokenSource } from "../../src/identity/token-source.ts";
import { useIdentity } from "../../src/proxy/own-identity.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { DOWNSTREAM_TLS, idFor, TRUST_DOMAIN, upstreamTls } from "../support/proxy-identities.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { becomes } from "../support/worker-fixture.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longer than an agent needs to look at the clock again. */
const TICK_MS = 1_001;

/** Its wall clock can be set; what has passed is not touched by that, as in a real machine. */
class JumpingClock implements Clock {
  readonly #base = new ManualClock(Date.now());
  #offsetMs = 0;

  nowMs(): number {
    return this.#base.nowMs() + this.#offsetMs;
  }

  monotonicMs(): number {
    return this.#base.monotonicMs();
  }

  schedule(delayMs: number, callback: () => void) {
    return this.#base.schedule(delayMs, callback);
  }

  advance(ms: number): void {
    this.#base.advance(ms);
  }

  jump(ms: number): void {
    this.#offsetMs += ms;
  }
}

interface Hop {
  readonly clock: JumpingClock;
  readonly agents: readonly IdentityAgent[];
  readonly inbound: ProxyFixture;
  readonly outbound: ProxyFixture;
  readonly app: RawUpstream;
}

/** Two sidecars with agents of their own, at a control plane that gives certificates for a day. */
async function startHop(context: TestContext): Promise<Hop> {
  const clock = new JumpingClock();
  const controlPlane = await startTestControlPlane(clock);
  context.after(() => controlPlane.stop());
  // A root is older than what it signs: going back must not lead to before there was any.
  clock.jump(2 * HOUR_MS);
  const folder = mkdtempSync(join(tmpdir(), "tulle-clock-"));
  const socketPath = join(folder, "admin.sock");
  const admin = await startTestAdminSocket(socketPath, controlPlane);
  context.after(() => {
    admin.close();
    rmSync(folder, { recursive: true });
  });
  const app = await RawUpstream.start(context);
  const routes = [{ match: { prefix: "/" }, route: { cluster: "peer", timeout: "0s" } }];
  const inbound = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes, tls: DOWNSTREAM_TLS }], [{ name: "peer", endpoints: [app.port] }]),
    { clock },
  );
  const tls = upstreamTls(idFor("app"));
  const outbound = await ProxyFixture.start(
    context,
    bootstrapOf([{ routes }], [{ name: "peer", endpoints: [inbound.port()], tls }]),
    { clock },
  );
  const agents = [
    await startAgent(context, "app", inbound, { clock, controlPlane, socketPath }),
    await startAgent(context, "web", outbound, { clock, controlPlane, socketPath }),
  ];
  return { clock, agents, inbound, outbound, app };
}

async function startAgent(
  context: TestContext,
  serviceAccount: string,
  proxy: ProxyFixture,
  mesh: {
    readonly clock: Clock;
    readonly controlPlane: TestControlPlane;
    readonly socketPath: string;
  },
): Promise<IdentityAgent> {
  const { clock, controlPlane, socketPath } = mesh;
  const namespace = "shop";
  const agent = new IdentityAgent({
    spiffeId: workloadSpiffeId({ trustDomain: TRUST_DOMAIN, namespace, serviceAccount }),
    source: new ControlPlaneSource({
      trustDomain: TRUST_DOMAIN,
      client: controlPlane.client,
      tokenSource: new SocketTokenSource({ socketPath, namespace, serviceAccount }),
      clock,
    }),
    clock,
    prng: new SeededPrng(1),
    logger: silentLogger,
  });
  agent.onUpdate((update) => useIdentity(update, proxy.dataPlane.secrets));
  context.after(() => agent.stop());
  await agent.start();
  await agent.whenReady();
  return agent;
}

async function ask(context: TestContext, hop: Hop): Promise<RawClient> {
  const client = await RawClient.connect(hop.outbound.port());
  context.after(() => client.close());
  client.get("/");
  return client;
}

async function expectAnswer(client: RawClient, hop: Hop): Promise<void> {
  (await hop.app.next()).reply("ok");
  assert.equal((await client.response()).body, "ok");
}

/** The certificate that the listener shows to somebody who has none: it comes before the refusal. */
function shownCertificate(port: number): Promise<DetailedPeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate(true));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

for (const [what, jumpMs] of [
  ["seven days on", 7 * DAY_MS],
  ["an hour back", -HOUR_MS],
] as const) {
  test(`the clock jumps ${what}: handshakes wait for a certificate that is valid`, async (context) => {
    const hop = await startHop(context);
    await expectAnswer(await ask(context, hop), hop);
    const before = hop.agents.map(({ status }) => status.obtainedCount);

    hop.clock.jump(jumpMs);
    const shown = shownCertificate(hop.inbound.port());
    const client = await ask(context, hop);
    // Neither is served with what is there: the agents have yet to look at the clock.
    await becomes(() => hop.inbound.metric("tulle_downstream_connections_active") >= 1);
    hop.clock.advance(TICK_MS);

    await expectAnswer(client, hop);
    const { valid_from: from, valid_to: to } = await shown;
    const nowMs = hop.clock.nowMs();
    assert.ok(Date.parse(from) <= nowMs && nowMs <= Date.parse(to), `${from} to ${to}`);
    for (const [index, { status }] of hop.agents.entries()) {
      assert.equal(status.state, "valid");
      assert.equal(status.obtainedCount, (before[index] ?? 0) + 1);
    }
    const refusals = [...hop.inbound.log, ...hop.outbound.log].filter(({ code }) =>
      ["expired", "not-yet-valid"].includes(String(code)),
    );
    assert.deepEqual(refusals, []);
  });
}
