/** A rotation that changes who signs: its gates, a crash at every step, and a start that does not want it any more. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { hasCode } from "../../core/errors.ts";
import { silentLogger } from "../../core/logger.ts";
import { SeededPrng } from "../../core/prng.ts";
import { createTestIntermediate, createTestRoot } from "../../identity/certificate-fixtures.ts";
import type { SwitchableAuthority } from "../../identity/issuers/switchable-authority.ts";
import { formatCertificatesPem } from "../../identity/pem.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import type { IssuerConfig } from "../issuers/issuer-config.ts";
import { openAuthority } from "../issuers/open-authority.ts";
import { StateDirectory } from "../state-directory.ts";
import { CaController } from "./ca-controller.ts";
import type { HeldCertificate, ProxyTrust } from "./rotation-gates.ts";

const HOUR_MS = 3_600_000;

/** A mesh of one proxy, whose state a test sets, and pairs in files to change to. */
class World {
  readonly clock = new ManualClock();
  readonly directory: StateDirectory;
  readonly #folder: string;
  proxies: ProxyTrust[] = [];
  certificates: HeldCertificate[] = [];
  ownRootId = "";
  authority!: SwitchableAuthority;
  controller!: CaController;

  constructor(context: TestContext) {
    this.#folder = mkdtempSync(join(tmpdir(), "tulle-change-"));
    this.directory = StateDirectory.open(join(this.#folder, "state"));
    context.after(async () => {
      await this.#stop();
      this.directory.close();
      rmSync(this.#folder, { recursive: true });
    });
  }

  /** What was in memory is gone. */
  async start(issuer?: IssuerConfig, givesUpFormerIssuer = false): Promise<void> {
    await this.#stop();
    const { directory, clock } = this;
    this.authority = await openAuthority({
      ...{ directory, trustDomain: "mesh.test", issuer, givesUpFormerIssuer, clock },
      ...{ passphrase: undefined, rootLifetimeMs: 1000 * HOUR_MS },
      ...{ prng: new SeededPrng(1), log: silentLogger },
    });
    this.controller = new CaController({
      authority: this.authority,
      trust: { proxies: () => this.proxies, heldCertificates: () => this.certificates },
      getOwnRootId: () => this.ownRootId,
      recordPath: directory.caRotationPath,
      clock,
      log: silentLogger,
    });
    await this.controller.start();
  }

  get activeId(): string {
    return rootIdOf(this.authority.root);
  }

  get rootIds(): readonly string[] {
    return this.authority.bundle.roots.map(rootIdOf);
  }

  get done(): readonly string[] {
    const steps = this.controller.rotation?.steps ?? [];
    return steps.filter(({ state }) => state === "done").map(({ step }) => step);
  }

  /** The proxy has acknowledged what there is. */
  acknowledge(): void {
    this.proxies = [{ key: "a/b", isConnected: true, followsTrust: true, roots: this.rootIds }];
    this.clock.advance(1_000);
  }

  /** The proxy and the control plane hold certificates under the root that signs. */
  renew(): void {
    this.ownRootId = this.activeId;
    const notAfterMs = this.clock.nowMs() + HOUR_MS;
    this.certificates = [{ who: "a/b", rootId: this.activeId, notAfterMs, isConnected: true }];
    this.clock.advance(1_000);
  }

  /** An intermediate under a root of its own, in files. */
  issuer(name: string): IssuerConfig {
    const root = createTestRoot(this.clock.nowMs(), name);
    const { key, der } = createTestIntermediate(this.clock.nowMs(), root, `${name} intermediate`);
    const file = (suffix: string, text: string): string => {
      const path = join(this.#folder, `${name}.${suffix}`);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    return {
      kind: "file",
      certificateFile: file("crt", formatCertificatesPem([der])),
      keyFile: file("key", key.export({ format: "pem", type: "pkcs8" }).toString()),
      rootsFile: file("roots", formatCertificatesPem([root.der])),
    };
  }

  async #stop(): Promise<void> {
    await this.controller?.stop();
    await this.authority?.stop();
  }
}

test("each step waits, and every one of them outlives a crash", async (context) => {
  const world = new World(context);
  const issuer = world.issuer("first");
  await world.start();
  world.acknowledge();
  world.renew();
  const oldId = world.activeId;
  await world.start(issuer);
  const newId = world.controller.rotation?.to ?? "";
  for (let crash = 0; crash < 2; crash += 1) {
    assert.deepEqual(world.done, ["prepare"]);
    assert.equal(world.activeId, oldId);
    assert.deepEqual(world.rootIds, [oldId, newId]);
    await world.start(issuer);
  }
  world.acknowledge();
  for (let crash = 0; crash < 2; crash += 1) {
    assert.deepEqual(world.done, ["prepare", "distribute", "activate"]);
    assert.equal(world.activeId, newId);
    assert.deepEqual(world.rootIds, [newId, oldId]);
    assert.ok(existsSync(world.directory.caKeyPath));
    await world.start(issuer);
  }
  world.renew();
  assert.equal(world.controller.rotation?.state, "finished");
  assert.deepEqual(world.rootIds, [newId]);
  assert.ok(!existsSync(world.directory.caKeyPath));
  await world.start(issuer);
  assert.deepEqual([world.activeId, world.rootIds], [newId, [newId]]);
  // Its root is somebody else's again.
  const refused = (error: unknown): boolean => hasCode(error, "rotation-refused");
  assert.throws(() => world.controller.command({ action: "start" }), refused);
});

test("from one issuer to another and to the mesh's own authority; roots of those before stay until the end", async (context) => {
  const world = new World(context);
  const [first, second] = [world.issuer("first"), world.issuer("second")];
  await world.start(first);
  world.acknowledge();
  world.renew();
  const firstId = world.activeId;
  await world.start(second);
  world.acknowledge();
  const secondId = world.activeId;
  assert.notEqual(secondId, firstId);
  // On again, while certificates under the first root are out.
  await world.start();
  assert.deepEqual(
    world.done,
    ["prepare", "distribute", "activate"],
    "the change before is ended first",
  );
  assert.ok(world.rootIds.includes(firstId));
  world.renew();
  world.acknowledge();
  world.renew();
  assert.equal(world.controller.rotation?.state, "finished");
  assert.deepEqual(world.rootIds, [world.activeId]);
  assert.ok(![firstId, secondId].includes(world.activeId));
  await world.start();
  assert.equal(world.rootIds.length, 1);
});

test("there and back again, before the roots on the way are retired", async (context) => {
  const world = new World(context);
  const issuer = world.issuer("first");
  await world.start();
  world.acknowledge();
  world.renew();
  const oldId = world.activeId;
  await world.start(issuer);
  world.acknowledge();
  const newId = world.activeId;
  await world.start();
  for (let turn = 0; turn < 3; turn += 1) {
    world.acknowledge();
    world.renew();
  }
  assert.equal(world.controller.rotation?.state, "finished");
  assert.deepEqual([world.activeId, world.rootIds], [oldId, [oldId]]);
  assert.notEqual(newId, oldId);
});

test("a start without the new issuer gives the change up; a rotation of the own root makes room for it", async (context) => {
  const world = new World(context);
  const issuer = world.issuer("first");
  await world.start();
  world.acknowledge();
  world.renew();
  const oldId = world.activeId;
  world.controller.command({ action: "start" });
  const preparedId = world.controller.rotation?.to;
  await world.start(issuer);
  const { rotation } = world.controller;
  assert.deepEqual(
    [rotation?.state, rotation?.issuer?.from],
    ["running", "the built-in authority"],
  );
  assert.notEqual(rotation?.to, preparedId);
  assert.ok(!world.rootIds.includes(preparedId ?? ""));
  await world.start();
  assert.equal(world.controller.rotation?.state, "aborted");
  assert.deepEqual(world.rootIds, [oldId]);
});

test("another address of the same authority is no change of roots", async (context) => {
  const world = new World(context);
  const issuer = world.issuer("first");
  await world.start(issuer);
  const id = world.activeId;
  assert.ok(issuer.kind === "file");
  // The same pair in another place; the one before is gone.
  const moved = { ...issuer, keyFile: `${issuer.keyFile}.moved` };
  renameSync(issuer.keyFile, moved.keyFile);
  await world.start(moved);
  assert.equal(world.controller.rotation, undefined);
  assert.equal(world.activeId, id);
});

test("a former issuer that is gone ends a start, unless it is given up", async (context) => {
  const world = new World(context);
  const issuer = world.issuer("first");
  await world.start(issuer);
  const firstId = world.activeId;
  assert.ok(issuer.kind === "file");
  rmSync(issuer.keyFile);
  await assert.rejects(
    world.start(),
    /needed until every proxy trusts the new one.*--give-up-former/,
  );
  await world.start(undefined, true);
  assert.notEqual(world.activeId, firstId);
  assert.deepEqual(world.rootIds, [world.activeId, firstId]);
  world.renew();
  world.controller.retire({ root: firstId });
  assert.deepEqual(world.rootIds, [world.activeId]);
});
