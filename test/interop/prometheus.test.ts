/**
 * A real Prometheus scrapes the demo, which it finds through the control plane: every panel of every board has data,
 * the rules load, and promtool has nothing against our metrics but what Istio's names ask for.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { boardFiles } from "../../scripts/boards/files.ts";
import { readBoardQueries } from "../../src/cli/telemetry/grafana-boards.ts";
import { TulleHome, type TulleProcess } from "../e2e/tulle-process.ts";
import { PrometheusProcess, prometheusBinary } from "../support/prometheus-process.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const DEPLOY = join(ROOT, "deploy");
const BOARDS = join(DEPLOY, "grafana", "boards");
/** Long enough for rates over ten seconds; two minutes are for a look by hand. */
const SCRAPED_MS = Number(process.env["TULLE_SCRAPED_MS"] ?? 10_000);
const POLL_MS = 500;
const skip = prometheusBinary() === undefined ? "there is no prometheus here" : false;

test("the boards are what their definitions make", () => {
  for (const [path, text] of boardFiles()) {
    assert.equal(readFileSync(join(ROOT, path), "utf8"), text, "run npm run reference");
  }
});

test("boards and alerts ask for metrics that exist, and every alert has its page", () => {
  const known = readFileSync(join(ROOT, "docs", "reference", "metrics.md"), "utf8");
  const alerts = readFileSync(join(DEPLOY, "prometheus", "alerts.yml"), "utf8");
  const asked = [alerts, ...readBoardQueries(BOARDS, "5m").map(({ expr }) => expr)].join("\n");
  const names = new Set(
    [...asked.matchAll(/\b(?:istio|tulle|pilot|process|nodejs)_[a-z_]+/g)].map(([name]) =>
      name.replace(/_(?:bucket|sum|count)$/, ""),
    ),
  );
  assert.ok(names.size > 20);
  for (const name of names) assert.ok(known.includes(`\`${name}\``), name);
  const runbooks = readFileSync(join(ROOT, "docs", "runbooks.md"), "utf8");
  for (const [, alert = ""] of alerts.matchAll(/alert: (\w+)/g)) {
    assert.ok(runbooks.includes(`\n## ${alert}\n`), alert);
    assert.ok(alerts.includes(`runbook_url: docs/runbooks.md#${alert.toLowerCase()}`), alert);
  }
});

test("promtool takes the configuration and the rules", { skip }, () => {
  const folder = join(DEPLOY, "prometheus");
  const check = spawnSync("promtool", ["check", "config", join(folder, "prometheus.yml")], {
    encoding: "utf8",
  });
  assert.equal(check.status, 0, `${check.stdout}${check.stderr}`);
});

let home: TulleHome;
let demo: TulleProcess;
let prometheus: PrometheusProcess | undefined;
let adminUrl = "";

before(async () => {
  if (skip !== false) return;
  home = await TulleHome.create();
  demo = home.start(["demo"]);
  await demo.waitFor(/The shop is open at/);
  const file = join(home.path, "demo", "control-plane.json");
  adminUrl = z
    .object({ adminUrl: z.string() })
    .parse(JSON.parse(readFileSync(file, "utf8"))).adminUrl;
  // As it is delivered, but for the address and how often.
  const config = readFileSync(join(DEPLOY, "prometheus", "prometheus.yml"), "utf8")
    .replace("http://127.0.0.1:7700", adminUrl)
    .replaceAll(/(scrape_interval|evaluation_interval|refresh_interval): 15s/g, "$1: 1s")
    .replace("  - alerts.yml", `  - ${join(DEPLOY, "prometheus", "alerts.yml")}`);
  prometheus = await PrometheusProcess.start(config);
});

after(async () => {
  await prometheus?.stop();
  await home?.remove();
});

test("every panel of every board has data", { skip }, async (context) => {
  const { url } = prometheus!;
  await delay(SCRAPED_MS);
  for (;;) {
    const ending = await home.start(["check", "metrics", "--prometheus", url, "--interval", "10s"])
      .ended;
    if (ending.code === 0) {
      context.diagnostic(ending.output.trim().split("\n").at(-1) ?? "");
      return;
    }
    assert.equal(ending.code, 1, ending.output);
    // A test that waits for what never comes ends with the runner's limit; what is missing stands in the output.
    context.diagnostic(
      ending.output
        .split("\n")
        .filter((line) => line.includes("×"))
        .join("; "),
    );
    await delay(POLL_MS);
  }
});

test("no target is down, and no alert fires in a mesh that is well", { skip }, async () => {
  assert.ok(((await prometheus!.sumOf("count(up == 1)")) ?? 0) >= 9);
  assert.equal(await prometheus!.sumOf("up == 0"), undefined);
  assert.equal(await prometheus!.sumOf('ALERTS{alertstate="firing"}'), undefined);
});

const exemplarsSchema = z.object({
  status: z.literal("success"),
  data: z.array(
    z.object({
      exemplars: z.array(z.object({ labels: z.record(z.string(), z.string()), value: z.string() })),
    }),
  ),
});

test("exemplars of latency come back, and lead to traces", { skip }, async () => {
  const seconds = (ms: number): string => String(ms / 1000);
  for (;;) {
    const nowMs = Date.now();
    const answer = await prometheus!.get("/api/v1/query_exemplars", {
      query: "istio_request_duration_milliseconds_bucket",
      start: seconds(nowMs - 600_000),
      end: seconds(nowMs),
    });
    const found = exemplarsSchema.parse(answer).data.flatMap(({ exemplars }) => exemplars);
    const traceId = found.at(-1)?.labels["trace_id"];
    if (traceId !== undefined) {
      assert.match(traceId, /^[0-9a-f]{32}$/);
      const trace = await home.start(["trace", traceId]).ended;
      if (trace.code === 0) return;
    }
    await delay(POLL_MS);
  }
});

/** What promtool says of Istio's names, which boards ask for as they are. */
const ISTIO_NAMES =
  /^(?:istio_request_duration_milliseconds use base unit "seconds" instead of "milliseconds"|(?:pilot|galley)_\w+ (?:counter metrics should have "_total" suffix|non-counter metrics should not have "_total" suffix)|\w*_milliseconds use base unit "seconds" instead of "milliseconds")$/;

test("promtool has nothing against our metrics but Istio's units", { skip }, async () => {
  const targets = z
    .array(z.object({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) }))
    .parse(await (await fetch(`${adminUrl}/api/v1/prometheus/targets`)).json());
  assert.ok(targets.length >= 9);
  for (const { targets: addresses, labels } of targets) {
    const text = await (
      await fetch(`http://${String(addresses[0])}${String(labels["__metrics_path__"])}`)
    ).text();
    const check = spawnSync("promtool", ["check", "metrics"], { encoding: "utf8", input: text });
    const complaints = check.stderr
      .split("\n")
      .filter((line) => line !== "" && !ISTIO_NAMES.test(line));
    assert.deepEqual(complaints, [], String(labels["pod"]));
  }
});

test("a Prometheus that does not answer, and a query that it refuses, are told", {
  skip,
}, async () => {
  const gone = await home.start(["check", "metrics", "--prometheus", "http://127.0.0.1:1"]).ended;
  assert.equal(gone.code, 3, gone.output);
  assert.match(gone.output, /Prometheus at http:\/\/127\.0\.0\.1:1 cannot be asked/);
  const wrong = await home.start(["check", "metrics", "--prometheus", "prometheus"]).ended;
  assert.equal(wrong.code, 2, wrong.output);
  const ours = await home.start(["check", "metrics", "--prometheus", adminUrl]).ended;
  assert.equal(ours.code, 3, ours.output);
  assert.match(ours.output, /does not answer as Prometheus does/);
});
