/**
 * The wall clock of a whole machine jumps, forward by a week and back by an hour, and a process sleeps past the end of its
 * certificate: real processes under libfaketime, which is told the time by a file. Whoever shows a certificate afterwards
 * shows one that is valid by then, and requests are answered again without anybody's doing.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import type { InstanceView } from "../../src/control-plane/api-types.ts";
import { Application, eventually } from "../support/application.ts";

/** Of Debian's package libfaketime. */
const LIBRARIES = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map(
  (machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`,
);
const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
/** The bound of recovery from an expired state. */
const RECOVERED_WITHIN_MS = 60_000;

const library = LIBRARIES.find((path) => existsSync(path));
const OPTIONS = { skip: library === undefined ? whyNone() : false } as const;
const folder = mkdtempSync(join(tmpdir(), "tulle-clock-"));
const file = join(folder, "time");
let offsetS = 0;
let application: Application;

function whyNone(): string {
  const why = "libfaketime is not installed (Debian: faketime)";
  if (process.env["CI"] === "true") throw new Error(`${why}; CI never skips`);
  return why;
}

/** Sets the clock of all processes of the mesh. */
function setOffset(seconds: number): void {
  offsetS = seconds;
  writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}\n`);
}

/** Theirs. */
const nowMs = () => Date.now() + offsetS * 1000;

before(async () => {
  if (library === undefined) return;
  // A root is older than what it signs: going back must not lead to before there was any.
  setOffset(-2 * HOUR_S);
  Object.assign(process.env, {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    // The file is read at each look at the clock: all processes jump at once.
    FAKETIME_NO_CACHE: "1",
    // What has passed is not touched by a clock that is set: timers run by it.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    NO_FAKE_STAT: "1",
    FAKETIME_DISABLE_SHM: "1",
  });
  application = await Application.start({ catalog: { v1: 2 } });
});

after(async () => {
  await application?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a sidecar shows to whoever connects. Who shows none is refused afterwards. */
function shownCertificate({ address, ports }: InstanceView) {
  return new Promise<{ notBeforeMs: number; notAfterMs: number; atMs: number }>(
    (resolve, reject) => {
      const options = { host: address, port: ports[0]?.inboundPort ?? 0 };
      const socket = connect({ ...options, rejectUnauthorized: false }, () => {
        const { valid_from: from, valid_to: to } = socket.getPeerCertificate();
        resolve({ notBeforeMs: Date.parse(from), notAfterMs: Date.parse(to), atMs: nowMs() });
        socket.destroy();
      });
      socket.on("error", reject);
    },
  );
}

async function assertShowValid(instances: readonly InstanceView[]): Promise<void> {
  const shown = await Promise.all(instances.map(shownCertificate));
  for (const { notBeforeMs, notAfterMs, atMs } of shown) {
    assert.ok(notBeforeMs <= atMs && atMs <= notAfterMs, JSON.stringify({ atMs, shown }));
  }
}

/** Requests are answered by both instances, and then all of them are. */
async function assertServes(what: string): Promise<void> {
  const seen = new Set<string>();
  const { tookMs } = await eventually(async () => {
    const { failure, instance } = await application.client.send();
    if (failure === undefined) seen.add(instance);
    return seen.size === 2 ? true : undefined;
  });
  console.log(`${what}: both instances answer after ${(tookMs / 1000).toFixed(1)} s`);
  assert.ok(tookMs <= RECOVERED_WITHIN_MS, `${tookMs} ms`);
  const outcomes = await application.client.burst(50, 4);
  assert.deepEqual(
    outcomes.filter(({ failure }) => failure !== undefined),
    [],
  );
}

for (const [what, seconds] of [
  ["+7 days", 7 * DAY_S - 2 * HOUR_S],
  ["-1 hour", 7 * DAY_S - 3 * HOUR_S],
] as const) {
  test(
    `${what}: the first handshake shows a certificate that is valid by then`,
    OPTIONS,
    async () => {
      const instances = await application.catalogInstances();
      assert.equal(instances.length, 2);
      await assertServes("before");
      setOffset(seconds);
      await assertShowValid(instances);
      await assertServes(what);
    },
  );
}

test(
  "a process that slept past the end of its certificate shows none that is over",
  OPTIONS,
  async (context) => {
    const [sleeper, other] = await application.catalogInstances();
    assert.ok(sleeper !== undefined && other !== undefined);
    const asleep = application.sidecarPids(sleeper.name);
    assert.ok(asleep.length > 0);
    for (const pid of asleep) process.kill(pid, "SIGSTOP");
    context.after(() => {
      for (const pid of asleep) process.kill(pid, "SIGCONT");
    });
    setOffset(offsetS + 3 * DAY_S);
    await assertShowValid([other]);
    // It waits in the kernel's queue until the sidecar wakes up: nothing comes before it.
    const first = assertShowValid([sleeper]);
    for (const pid of asleep) process.kill(pid, "SIGCONT");
    await first;
    await assertServes("frozen for three days");
  },
);
