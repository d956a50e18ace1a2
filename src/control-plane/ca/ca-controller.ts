/**
 * Carries rotations of the root out, step by step, each when nobody would lose access by it, and tells how they stand.
 * What is decided is on disk before it is done; every step may be taken twice.
 */
import { assertNever } from "../../core/assert.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { AuthorityChange, MeshAuthority } from "../../identity/issuers/mesh-authority.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import type {
  Blocker,
  RetireRequest,
  RotationRequest,
  RotationStep,
  RotationView,
} from "../ca-types.ts";
import { controlPlaneError } from "../errors.ts";
import { REFRESH_HINT_S } from "../federation/own-bundle.ts";
import type { MeshTrust } from "./mesh-trust.ts";
import { bundleBlockers, certificateBlockers, partnerBlockers } from "./rotation-gates.ts";
import {
  nextStep,
  ROTATION_STEPS,
  type RotationRecord,
  readRotation,
  writeRotation,
} from "./rotation-record.ts";

const TICK_MS = 1_000;
/** While a rotation runs. */
const RUNNING_TICK_MS = 200;
/** A root is replaced by itself when so much of its life is over: a mesh must not end with it. */
const ROTATE_AT_LIFE = 0.8;

/** Partners ask as often as the bundle says: one of their fetches may fail. */
const PARTNER_WINDOW_MS = 2 * REFRESH_HINT_S * 1000;
/** What begins by itself waits for everybody. */
const UNATTENDED = { until: "retire", skipDisconnected: false } as const;

export interface CaControllerOptions {
  readonly authority: MeshAuthority;
  readonly trust: Pick<MeshTrust, "proxies" | "heldCertificates">;
  /** Id of the root that the control plane's own certificate is under. */
  readonly getOwnRootId: () => string | undefined;
  /** Trust domains that may know the mesh by its bundle. */
  readonly getPartners?: () => readonly string[];
  readonly recordPath: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export class CaController implements Component {
  readonly name = "certificate authority";
  readonly #options: CaControllerOptions;
  #record: RotationRecord | undefined;
  #timer: Timer | undefined;
  #blockers: readonly Blocker[] = [];
  #isStopped = false;

  constructor(options: CaControllerOptions) {
    this.#options = options;
    this.#record = readRotation(options.recordPath);
  }

  async start(): Promise<void> {
    if (this.#record?.state === "running") {
      this.#options.log.info("rotation of the root goes on", { next: nextStep(this.#record) });
    }
    this.#tick();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  get rotation(): RotationView | undefined {
    return this.#record && viewOf(this.#record, this.#blockers);
  }

  /** Throws `rotation-refused`. */
  command(request: RotationRequest): RotationView {
    const { external } = this.#options.authority;
    if (external !== undefined && !this.#isIssuerChange()) {
      throw refused(
        `certificates are signed by the issuer ${external.kind} at ${external.place}: its root is not ours to rotate`,
        "give the issuer a new pair under a root that is trusted already (docs/guides/issuers.md)",
      );
    }
    switch (request.action) {
      case "start":
        this.#start(request);
        break;
      case "pause":
        this.#keep({ ...this.#underWay("pause"), state: "paused" });
        break;
      case "abort":
        this.#abort();
        break;
      default:
        assertNever(request.action, "rotation action");
    }
    this.#tick();
    const view = this.rotation;
    if (view === undefined) throw refused("there is no rotation");
    return view;
  }

  /** Throws `rotation-refused` with everybody who depends on the root, and `ca-root-in-use`. */
  retire({ root, skipDisconnected = false }: RetireRequest): string {
    const { authority, trust, log } = this.#options;
    const matches = authority.bundle.roots.map(rootIdOf).filter((id) => id.startsWith(root));
    const [rootId] = matches;
    if (rootId === undefined || matches.length > 1) {
      throw refused(
        rootId === undefined
          ? `there is no root ${root}`
          : `${root} may be any of ${matches.join(", ")}`,
        "tulle ca status shows the roots",
      );
    }
    const blockers = [
      ...certificateBlockers(trust.heldCertificates(), (id) => id === rootId || id === "", {
        skipDisconnected,
      }),
      ...this.#ownBlockers(rootId),
    ];
    // The authority refuses the root that signs by itself, and says what to do instead.
    if (blockers.length > 0 && rootId !== rootIdOf(authority.root)) {
      throw controlPlaneError(
        { code: "rotation-refused", blockers, hint: "wait until they have renewed or expired" },
        `root ${rootId} cannot be retired: ${blockers.length} ${blockers.length === 1 ? "certificate depends" : "certificates depend"} on it`,
      );
    }
    authority.retire(rootId);
    log.info("root retired", { root: rootId });
    return rootId;
  }

  #start(request: RotationRequest): void {
    const { until = "retire", skipDisconnected = false, skipPartners = false } = request;
    const record = this.#record;
    if (record?.state === "running" || record?.state === "paused") {
      const done = record.done.at(-1)?.step;
      if (done !== undefined && ROTATION_STEPS.indexOf(until) <= ROTATION_STEPS.indexOf(done)) {
        throw refused(`${until} is done already`, `the next step is ${nextStep(record)}`);
      }
      this.#keep({ ...record, state: "running", until, skipDisconnected, skipPartners });
      return;
    }
    this.#begin({ until, skipDisconnected, skipPartners }, "asked for");
  }

  #begin(
    asked: Pick<RotationRecord, "until" | "skipDisconnected" | "skipPartners">,
    reason: string,
    issuer?: AuthorityChange,
  ): void {
    const { authority, clock, log } = this.#options;
    const from = rootIdOf(authority.root);
    log.info("rotation of the root begins", { root: from, reason });
    this.#keep({
      from,
      to: null,
      state: "running",
      ...asked,
      startedAtMs: clock.nowMs(),
      finishedAtMs: null,
      done: [],
      ...(issuer === undefined ? {} : { issuer }),
    });
  }

  #abort(): void {
    const { authority, clock, log } = this.#options;
    const record = this.#underWay("abort");
    if (record.issuer !== undefined) {
      throw refused(
        `the issuer changes to ${record.issuer.to}, as the control plane was started`,
        "start the control plane with the former --issuer-file",
      );
    }
    if (isActivated(record)) {
      throw refused(
        "the new root signs already: the old one has no key any more",
        "tulle ca rotate finishes this rotation; another one replaces the new root",
      );
    }
    authority.discard();
    log.info("rotation of the root aborted", { root: record.from });
    this.#keep({ ...record, state: "aborted", finishedAtMs: clock.nowMs() });
  }

  #underWay(what: string): RotationRecord {
    const record = this.#record;
    if (record?.state === "running" || record?.state === "paused") return record;
    throw refused(`there is no rotation to ${what}`, "tulle ca rotate begins one");
  }

  #tick(): void {
    if (this.#isStopped) return;
    const { external, change } = this.#options.authority;
    this.#timer?.cancel();
    try {
      this.#followChange(change);
      // Roots that are somebody else's are rotated there; what was under way of our own waits until they are back.
      if (external !== undefined && !this.#isIssuerChange()) return;
      if (external === undefined && change === undefined) this.#renewRoot();
      while (this.#record?.state === "running" && this.#advance(this.#record));
    } catch (error) {
      this.#options.log.error("the rotation cannot go on", { reason: messageOf(error) });
    }
    const isRunning = this.#record?.state === "running";
    const delayMs = isRunning ? RUNNING_TICK_MS : TICK_MS;
    this.#timer = this.#options.clock.schedule(delayMs, () => this.#tick());
  }

  /** A change of who signs is a rotation that begins by itself, and is given up when nobody wants it any more. */
  #followChange(change: AuthorityChange | undefined): void {
    const { authority, clock, log } = this.#options;
    const record = this.#record;
    const isUnderWay = record?.state === "running" || record?.state === "paused";
    if (record !== undefined && isUnderWay) {
      // What signs already is finished first.
      if (isActivated(record)) return;
      const isWanted = record.issuer !== undefined && record.issuer.to === change?.to;
      const isCarriedOut = change === undefined && rootIdOf(authority.root) === record.to;
      const isOwn = record.issuer === undefined && change === undefined;
      if (isWanted || isCarriedOut || isOwn) return;
      if (record.issuer === undefined) authority.discard();
      log.info("rotation of the root aborted: another one takes its place", { root: record.from });
      this.#keep({ ...record, state: "aborted", finishedAtMs: clock.nowMs() });
    }
    if (change === undefined) return;
    this.#begin(UNATTENDED, `the issuer changes from ${change.from} to ${change.to}`, change);
  }

  #isIssuerChange(): boolean {
    const record = this.#record;
    const isUnderWay = record?.state === "running" || record?.state === "paused";
    return isUnderWay && record?.issuer !== undefined;
  }

  /** Before the root expires, and, should it have expired all the same, at once. */
  #renewRoot(): void {
    const { authority, clock, log } = this.#options;
    if (authority.replaceExpired()) {
      log.warn("the root had expired: a new one is in force", { root: rootIdOf(authority.root) });
      const record = this.#record;
      if (record?.state === "running" || record?.state === "paused") {
        this.#keep({ ...record, state: "aborted", finishedAtMs: clock.nowMs() });
      }
      return;
    }
    const { notBeforeMs, notAfterMs } = authority.root;
    const isDue = clock.nowMs() > notBeforeMs + (notAfterMs - notBeforeMs) * ROTATE_AT_LIFE;
    const isUnderWay = this.#record?.state === "running" || this.#record?.state === "paused";
    if (isDue && !isUnderWay) this.#begin(UNATTENDED, "80 % of its life is over");
  }

  /** Takes the next step. False when it has to wait, or none is left. */
  #advance(record: RotationRecord): boolean {
    const step = nextStep(record);
    if (step === undefined) return false;
    const { change, nextRoot } = this.#options.authority;
    const isOpen = change !== undefined && record.to !== null && !isActivated(record);
    if (isOpen && nextRoot !== undefined && rootIdOf(nextRoot) !== record.to) {
      // The authority that is to sign has got another root meanwhile.
      this.#keep({ ...record, to: null, done: [] });
      return true;
    }
    this.#blockers = this.#blockersOf(step, record);
    if (this.#blockers.length > 0) return false;
    const to = this.#take(step, record);
    const { clock, log } = this.#options;
    const nowMs = clock.nowMs();
    log.info("rotation step done", { step, from: record.from, to });
    const done = [...record.done, { step, atMs: nowMs }];
    const isLast = step === ROTATION_STEPS.at(-1);
    this.#keep({
      ...record,
      to,
      done,
      state: isLast ? "finished" : step === record.until ? "paused" : "running",
      finishedAtMs: isLast ? nowMs : null,
    });
    return true;
  }

  /** A step whose effect is there already is only written down: the crash came in between. */
  #take(step: RotationStep, record: RotationRecord): string {
    const { authority } = this.#options;
    if (step === "prepare") return rootIdOf(authority.prepare());
    const to = record.to ?? "";
    switch (step) {
      case "distribute":
      case "re-issue":
        return to;
      case "activate":
        if (authority.change !== undefined || rootIdOf(authority.root) !== to) authority.activate();
        return to;
      case "retire":
        for (const root of this.#replacedRoots(record)) authority.retire(root);
        return to;
      default:
        return assertNever(step, "rotation step");
    }
  }

  #blockersOf(step: RotationStep, record: RotationRecord): readonly Blocker[] {
    const { trust, authority } = this.#options;
    const to = record.to ?? "";
    switch (step) {
      case "prepare":
        return [];
      case "distribute":
        return bundleBlockers(trust.proxies(), to, record);
      case "activate":
        // After a crash in between nothing is left to wait for.
        if (authority.change === undefined && rootIdOf(authority.root) === to) return [];
        return [...bundleBlockers(trust.proxies(), to, record), ...this.#partnerBlockers(record)];
      case "re-issue":
      case "retire":
        return [
          ...certificateBlockers(trust.heldCertificates(), this.#isReplaced(record), record),
          ...this.#replacedRoots(record).flatMap((root) => this.#ownBlockers(root)),
        ];
      default:
        return assertNever(step, "rotation step");
    }
  }

  #partnerBlockers({ done, to, skipPartners }: RotationRecord): readonly Blocker[] {
    const { getPartners, clock } = this.#options;
    const preparedAtMs = done.find(({ step }) => step === "prepare")?.atMs;
    if (getPartners === undefined || preparedAtMs === undefined || skipPartners) return [];
    const endMs = preparedAtMs + PARTNER_WINDOW_MS;
    const nowMs = clock.nowMs();
    return partnerBlockers({ partners: getPartners(), rootId: to ?? "", endMs, nowMs });
  }

  /** An issuer may have roots of which nothing is known here: then those count that it took the place of. */
  #isReplaced(record: RotationRecord): (rootId: string) => boolean {
    if (record.issuer === undefined) return (id) => id !== record.to;
    const replaced = new Set(this.#replacedRoots(record));
    return (id) => id === "" || replaced.has(id);
  }

  #replacedRoots({ issuer, from }: RotationRecord): readonly string[] {
    if (issuer === undefined) return [from];
    return (this.#options.authority.formerRoots ?? []).map(rootIdOf);
  }

  #ownBlockers(rootId: string): readonly Blocker[] {
    if (this.#options.getOwnRootId() !== rootId) return [];
    const reason = `holds a certificate under root ${rootId}`;
    return [{ kind: "certificate", who: "the control plane", connected: true, reason }];
  }

  #keep(record: RotationRecord): void {
    writeRotation(this.#options.recordPath, record);
    this.#record = record;
    if (record.state !== "running") this.#blockers = [];
  }
}

/** From then on there is no way back. */
function isActivated({ done }: RotationRecord): boolean {
  return done.some(({ step }) => step === "activate");
}

function viewOf(record: RotationRecord, blockers: readonly Blocker[]): RotationView {
  const next = nextStep(record);
  return {
    from: record.from,
    to: record.to,
    state: record.state,
    startedAt: iso(record.startedAtMs),
    finishedAt: record.finishedAtMs === null ? null : iso(record.finishedAtMs),
    steps: ROTATION_STEPS.map((step, index) => {
      const done = record.done[index];
      const isRunning = step === next && record.state === "running";
      return {
        step,
        state: done !== undefined ? "done" : isRunning ? "running" : "waiting",
        doneAt: done === undefined ? null : iso(done.atMs),
      };
    }),
    blockers,
    ...(record.issuer === undefined ? {} : { issuer: record.issuer }),
  };
}

function refused(message: string, hint?: string): Error {
  return controlPlaneError({ code: "rotation-refused", blockers: [], hint }, message);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
