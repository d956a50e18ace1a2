/** However a mesh ends, its processes end with it, also what an app has started and what ignores signals. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Application, eventually, killAll } from "../support/application.ts";
import { summary } from "../support/load-client.ts";

/**
 * An orderly end lets every app finish, and these do at once. After a kill of the top process the guardian gives what is
 * left five seconds before it kills it. The rest of either limit is for a loaded machine.
 */
const ORDERLY_MS = 10_000;
const KILLED_MS = 15_000;

/** Leaves a child behind that nobody has told to end. */
const PARENT = { command: ["sh", "-c", "sleep 600 & exec sleep 600"] };
const STUBBORN = { command: ["sh", "-c", "trap '' TERM HUP INT; while :; do sleep 600; done"] };

let application: Application;

beforeEach(async () => {
  application = await Application.start({ catalog: { v1: 1 }, more: { parent: PARENT } });
});

afterEach(() => application?.close());

async function emptied(title: string, limitMs: number): Promise<void> {
  const count = application.home.processes().length;
  const startMs = performance.now();
  await application.home.emptied();
  const tookMs = Math.round(performance.now() - startMs);
  console.log(`${title}: ${count} processes, the last gone after ${tookMs} ms`);
  assert.ok(tookMs < limitMs);
}

test("tulle down leaves no process, also after a control plane that crashed and was started again", async () => {
  const load = application.client.steady(50);
  const { pid } = await application.admin.version();
  killAll([pid]);
  const { value: next, tookMs } = await eventually(async () => {
    const version = await application.admin.version().catch(() => undefined);
    return version !== undefined && version.pid !== pid ? version.pid : undefined;
  });
  const outcomes = await load.stop();
  console.log(
    `control plane ${pid} killed, ${next} answers after ${Math.round(tookMs)} ms: ${summary(outcomes)}`,
  );
  assert.deepEqual(load.failures, []);
  const gone = emptied("tulle down", ORDERLY_MS);
  const down = await application.tulle(["down"]);
  assert.equal(down.code, 0, down.output);
  assert.equal((await application.up.ended).signal, null);
  await gone;
});

test("Ctrl-C leaves no process", async () => {
  application.up.signal("SIGINT");
  const gone = emptied("Ctrl-C", ORDERLY_MS);
  assert.equal((await application.up.ended).code, 0);
  await gone;
});

test("kill -9 of the top process leaves no process, not even one that ignores signals", async () => {
  const stubborn = application.home.start([
    ...["run", "--service", "stubborn", "--name", "stubborn-one", "--"],
    ...STUBBORN.command,
  ]);
  await eventually(() => (application.appPids("stubborn-one").length > 0 ? true : undefined));
  killAll([...application.upPids(), ...application.runPids("stubborn-one")]);
  await emptied("kill -9", KILLED_MS);
  assert.equal((await stubborn.ended).signal, "SIGKILL");
});
