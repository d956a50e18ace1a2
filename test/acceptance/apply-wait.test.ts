/** `apply --wait` names who has not acknowledged; then every instance of a service is replaced without a failed request. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TulleProcess } from "../e2e/tulle-process.ts";
import { Application } from "../support/application.ts";
import { repeatedIds } from "../support/journal.ts";
import { summary } from "../support/load-client.ts";

const STEADY_RATE = 150;
/** Some answers take longer than the rest of a drain. */
const PLANS = [
  { method: "GET", appDelayMs: 5 },
  { method: "POST", body: "one order, please", appDelayMs: 5 },
  { method: "POST", body: "a slow order", appDelayMs: 400 },
] as const;
const NAMES = ["catalog-a", "catalog-b", "catalog-c"] as const;
const NEW_SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "another" },
  spec: { selector: { app: "another" }, ports: [{ name: "http", port: 80 }] },
};

let application: Application;
let runs: readonly TulleProcess[];

before(async () => {
  application = await Application.start({ catalog: {} });
  runs = await Promise.all(NAMES.map((name) => application.runCatalog(name)));
});

after(() => application?.close());

test("apply --wait names the proxy that does not acknowledge, with exit code 4; status calls it stale", async () => {
  const [sidecar] = application.sidecarPids("catalog-b");
  assert.ok(sidecar !== undefined);
  process.kill(sidecar, "SIGSTOP");
  const words = ["apply", "-f", "another.yaml", "--wait", "--timeout", "3s"];
  await writeFile(join(application.home.path, "another.yaml"), JSON.stringify(NEW_SERVICE));
  const apply = await application.tulle(words);
  const status = await application.tulle(["status"]);
  process.kill(sidecar, "SIGCONT");
  console.log(`${words.join(" ")}: exit code ${apply.code}\n${apply.output}${status.output}`);
  assert.equal(apply.code, 4, apply.output);
  assert.match(apply.output, /1 of 4 proxies has not acknowledged revision \d+ within 3 s/);
  assert.match(apply.output, /^ +catalog-b: /m);
  assert.match(status.output, /^catalog-b +catalog +STALE/m);
  const again = await application.tulle(words.slice(0, 4));
  assert.equal(again.code, 0, again.output);
  const late = await application.tulle(["status"]);
  assert.doesNotMatch(late.output, /STALE/);
});

test("a rolling restart of every instance of a service fails no request", async () => {
  const load = application.client.steady(STEADY_RATE, PLANS);
  await load.next();
  const startMs = performance.now();
  for (const [index, run] of runs.entries()) {
    // The successor comes first, or last: then two instances carry the load meanwhile.
    const isReplacedFirst = index % 2 === 0;
    if (isReplacedFirst) await application.runCatalog(`${NAMES[index]}-new`);
    run.signal("SIGTERM");
    const ending = await run.ended;
    assert.equal(ending.code, 0, ending.output);
    if (!isReplacedFirst) await application.runCatalog(`${NAMES[index]}-new`);
  }
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const outcomes = await load.stop();
  const journal = await application.journal();
  const answering = new Set(outcomes.map(({ instance }) => instance));
  console.log(
    `rolling restart of 3 instances in ${seconds} s: ${summary(outcomes)}; ${[...answering].sort().join(", ")}`,
  );
  assert.deepEqual(load.failures, []);
  assert.deepEqual(repeatedIds(journal, "POST"), []);
  assert.equal(answering.size, 2 * NAMES.length, "every instance, old and new, has answered");
});
