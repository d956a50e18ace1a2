/** Rotations: gates, a crash at every step, pausing and giving up, and roots that end. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { hasCode } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import { TrustAuthority } from "../../identity/trust-authority.ts";
import type { RotationStep } from "../ca-types.ts";
import { CaController } from "./ca-controller.ts";
import type { HeldCertificate, ProxyTrust } from "./rotation-gates.ts";
import { ROTATION_STEPS } from "./rotation-record.ts";

const HOUR_MS = 3_600_000;

/** A mesh of one proxy, whose state a test sets. */
class World {
  readonly clock = new ManualClock();
  readonly folder: string;
  proxies: ProxyTrust[] = [];
  certificates: HeldCertificate[] = [];
  ownRootId = "";
  partners: string[] = [];
  authority: TrustAuthority;
  controller: CaController;

  constructor(context: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), "tulle-ca-"));
    context.after(() => rmSync(this.folder, { recursive: true }));
    this.authority = this.#open();
    this.controller = this.#start();
    context.after(() => this.controller.stop());
  }

  get rootIds(): readonly string[] {
    return this.authority.bundle.roots.map(rootIdOf);
  }

  get activeId(): string {
    return rootIdOf(this.authority.root);
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  /** What was in memory is gone. */
  async crash(): Promise<void> {
    await this.controller.stop();
    this.authority = this.#open();
    this.controller = this.#start();
    await this.controller.start();
  }

  /** The proxy trusts what there is, and its certificate is under the root that signs; so is the control plane's. */
  follow(): void {
    this.proxies = [
      { key: "default/a", isConnected: true, followsTrust: true, roots: this.rootIds },
    ];
    this.certificates = [
      {
        who: "default/a",
        rootId: this.activeId,
        notAfterMs: this.clock.nowMs() + HOUR_MS,
        isConnected: true,
      },
    ];
    this.ownRootId = this.activeId;
  }

  #open(): TrustAuthority {
    return TrustAuthority.open({
      trustDomain: "mesh.test",
      keyPath: this.file("ca.key"),
      certificatePath: this.file("ca.crt"),
      nextKeyPath: this.file("ca-next.key"),
      rootLifetimeMs: 100 * HOUR_MS,
      clock: this.clock,
    });
  }

  #start(): CaController {
    return new CaController({
      authority: this.authority,
      trust: { proxies: () => this.proxies, heldCertificates: () => this.certificates },
      getOwnRootId: () => this.ownRootId,
      getPartners: () => this.partners,
      recordPath: this.file("ca-rotation.json"),
      clock: this.clock,
      log: silentLogger,
    });
  }
}

function doneSteps(world: World): readonly RotationStep[] {
  const steps = world.controller.rotation?.steps ?? [];
  return steps.filter(({ state }) => state === "done").map(({ step }) => step);
}

test("each step waits for whoever would lose access by it", async (context) => {
  const world = new World(context);
  world.follow();
  const oldId = world.activeId;
  await world.controller.start();
  world.controller.command({ action: "start" });
  const newId = world.controller.rotation?.to ?? "";
  assert.deepEqual(doneSteps(world), ["prepare"]);
  assert.deepEqual(world.rootIds, [oldId, newId]);
  assert.deepEqual(world.controller.rotation?.blockers, [
    {
      kind: "bundle",
      who: "default/a",
      connected: true,
      reason: `has not acknowledged a trust bundle with root ${newId}`,
    },
  ]);
  world.clock.advance(10_000);
  assert.equal(world.activeId, oldId);

  world.proxies = [{ ...world.proxies[0]!, roots: world.rootIds }];
  world.clock.advance(1000);
  assert.deepEqual(doneSteps(world), ["prepare", "distribute", "activate"]);
  assert.equal(world.activeId, newId);
  const blockers = world.controller.rotation?.blockers ?? [];
  assert.deepEqual(
    blockers.map(({ who }) => who),
    ["default/a", "the control plane"],
  );
  assert.throws(
    () => world.controller.retire({ root: oldId }),
    (error) => hasCode(error, "rotation-refused") && /2 certificates depend/.test(error.message),
  );

  world.follow();
  world.clock.advance(1000);
  assert.equal(world.controller.rotation?.state, "finished");
  assert.deepEqual(world.rootIds, [newId]);
});

/** As the file was right before the last step was written down. */
function forgetLastStep(world: World): void {
  const path = world.file("ca-rotation.json");
  const record = JSON.parse(readFileSync(path, "utf8"));
  const done = record.done.slice(0, -1);
  const to = done.length === 0 ? null : record.to;
  const before = { ...record, done, to, state: "running", finishedAtMs: null };
  writeFileSync(path, JSON.stringify(before));
}

for (const step of ROTATION_STEPS) {
  test(`a crash between ${step} and its record is nothing`, async (context) => {
    const world = new World(context);
    world.follow();
    const oldId = world.activeId;
    await world.controller.start();
    for (const until of ROTATION_STEPS.slice(0, ROTATION_STEPS.indexOf(step) + 1)) {
      world.controller.command({ action: "start", until });
      world.follow();
      world.clock.advance(1000);
      assert.equal(doneSteps(world).at(-1), until);
    }
    const rootsBefore = world.rootIds;
    forgetLastStep(world);
    await world.crash();
    assert.deepEqual(world.rootIds, rootsBefore, "no other root is made");
    assert.equal(doneSteps(world).at(-1), step);
    if (step !== "retire") world.controller.command({ action: "start" });
    for (let round = 0; round < ROTATION_STEPS.length; round++) {
      world.follow();
      world.clock.advance(1000);
    }
    assert.equal(world.controller.rotation?.state, "finished");
    assert.equal(world.rootIds.length, 1);
    assert.notEqual(world.activeId, oldId);
  });
}

test("a rotation pauses after the step that is asked for, and a second command goes on with it", async (context) => {
  const world = new World(context);
  world.follow();
  await world.controller.start();
  world.controller.command({ action: "start", until: "distribute" });
  world.follow();
  world.clock.advance(1000);
  assert.equal(world.controller.rotation?.state, "paused");
  assert.deepEqual(doneSteps(world), ["prepare", "distribute"]);
  world.clock.advance(HOUR_MS);
  assert.deepEqual(doneSteps(world), ["prepare", "distribute"]);
  assert.throws(
    () => world.controller.command({ action: "start", until: "prepare" }),
    /prepare is done already/,
  );
  const { from } = world.controller.command({ action: "start" });
  assert.notEqual(world.activeId, from);
});

test("a rotation is given up before its root signs, and not after", async (context) => {
  const world = new World(context);
  world.follow();
  await world.controller.start();
  assert.throws(() => world.controller.command({ action: "abort" }), /no rotation to abort/);
  const oldId = world.activeId;
  world.controller.command({ action: "start", until: "prepare" });
  assert.equal(world.rootIds.length, 2);
  assert.equal(world.controller.command({ action: "abort" }).state, "aborted");
  assert.deepEqual(world.rootIds, [oldId]);
  assert.equal(existsSync(world.file("ca-next.key")), false);

  world.controller.command({ action: "start", until: "activate" });
  world.follow();
  world.clock.advance(1000);
  assert.throws(() => world.controller.command({ action: "abort" }), /signs already/);
});

test("who is not connected is waited for until its certificate has expired, unless that is skipped", async (context) => {
  const world = new World(context);
  world.follow();
  await world.controller.start();
  world.proxies = [{ ...world.proxies[0]!, isConnected: false }];
  world.certificates = [{ ...world.certificates[0]!, isConnected: false }];
  world.controller.command({ action: "start" });
  world.clock.advance(60_000);
  assert.deepEqual(doneSteps(world), ["prepare"]);
  assert.match(world.controller.rotation?.blockers[0]?.reason ?? "", /^is not connected and/);
  world.controller.command({ action: "start", skipDisconnected: true });
  world.ownRootId = world.activeId;
  world.clock.advance(1000);
  assert.equal(world.controller.rotation?.state, "finished");
});

test("roots are retired by the beginning of their id, but not the one that signs", async (context) => {
  const world = new World(context);
  world.follow();
  await world.controller.start();
  assert.throws(() => world.controller.retire({ root: "0000" }), /there is no root 0000/);
  assert.throws(
    () => world.controller.retire({ root: world.activeId }),
    (error) => hasCode(error, "ca-root-in-use") && /tulle ca rotate/.test(error.message),
  );
  world.controller.command({ action: "start", until: "prepare" });
  const next = world.controller.rotation?.to ?? "";
  assert.throws(() => world.controller.retire({ root: next }), /is prepared to sign/);
});

test("a root is replaced by itself when most of its life is over", async (context) => {
  const world = new World(context);
  world.follow();
  const oldId = world.activeId;
  await world.controller.start();
  world.clock.advance(79 * HOUR_MS);
  assert.deepEqual(world.rootIds, [oldId]);
  world.clock.advance(2 * HOUR_MS);
  assert.equal(world.controller.rotation?.from, oldId);
  assert.equal(world.controller.rotation?.state, "running");
});

test("a root that has expired is replaced at once, whatever stood in the way", async (context) => {
  const world = new World(context);
  world.follow();
  const oldId = world.activeId;
  await world.controller.start();
  world.clock.advance(81 * HOUR_MS);
  assert.deepEqual(doneSteps(world), ["prepare"], "nobody has acknowledged the new root");
  world.clock.advance(20 * HOUR_MS);
  assert.notEqual(world.activeId, oldId);
  assert.equal(world.rootIds.includes(oldId), false);
  assert.equal(world.controller.rotation?.state, "aborted");
});

test("partners of a federation get time to fetch the new root, unless they are skipped", async (context) => {
  const world = new World(context);
  world.follow();
  world.partners = ["west.test"];
  await world.controller.start();
  world.controller.command({ action: "start" });
  world.follow();
  world.clock.advance(599_000);
  const [blocker, ...others] = world.controller.rotation?.blockers ?? [];
  assert.deepEqual([blocker?.kind, blocker?.who, others], ["partner", "west.test", []]);
  assert.match(blocker?.reason ?? "", /may not have fetched a bundle with root \w+ before 20/);
  assert.deepEqual(doneSteps(world), ["prepare", "distribute"]);
  world.clock.advance(1_500);
  assert.ok(doneSteps(world).includes("activate"));
  world.follow();
  world.clock.advance(1_000);
  assert.equal(world.controller.rotation?.state, "finished");
  world.controller.command({ action: "start", skipPartners: true });
  world.follow();
  world.clock.advance(1_000);
  assert.ok(doneSteps(world).includes("activate"));
});
