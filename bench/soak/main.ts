/**
 * `npm run soak`: two sidecars with mutual TLS between them under a steady, mixed load for a long time. Each
 * minute the load pauses and the heap behind a collection, the open descriptors and the timers are read:
 * behind the warm-up none of them may grow.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { writeBootstrap } from "../macro/bootstrap.ts";
import { makeCertificates } from "../macro/certificates.ts";
import { PinnedProcess } from "../macro/pinned-process.ts";
import { buildRelease } from "../macro/release.ts";
import { InspectedProcess, type Usage } from "./inspected-process.ts";
import { Load } from "./load.ts";

const PORTS = { app: 21_310, inbound: 21_311, outbound: 21_312, admin: 21_313, inspector: 21_320 };
const PROXY_CORE = 0;
const LOAD_CORE = 1;
/** Code is compiled and pools fill: minutes that are not judged. */
const WARM_UP_MINUTES = 3;
const HEAP_GROWTH_BYTES_MAX = 2 ** 20;
/** Connections that are idle between two readings come and go. */
const DESCRIPTOR_GROWTH_MAX = 8;
const MINUTE_MS = 60_000;
/** Until what was closed is closed. */
const SETTLE_MS = 1_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    rate: { type: "string", default: "500" },
  },
});
process.exitCode = await soak(Number(values.minutes), Number(values.rate));

async function soak(minutes: number, perSecond: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "tulle-soak-"));
  const processes: PinnedProcess[] = [];
  try {
    makeCertificates(join(folder, "certs"), ["a", "b"]);
    const app = [process.execPath, join(import.meta.dirname, "app.ts"), String(PORTS.app)];
    processes.push(await started(app, LOAD_CORE, folder, "app", PORTS.app));
    const launcher = buildRelease();
    const halves = [
      { name: "inbound", port: PORTS.inbound },
      { name: "outbound", port: PORTS.outbound },
    ];
    for (const [index, { name, port }] of halves.entries()) {
      const inspect = `--inspect=127.0.0.1:${PORTS.inspector + index}`;
      const file = join(folder, `${name}.json`);
      writeFileSync(file, bootstrapOf(name, index, join(folder, "certs")));
      const command = [process.execPath, inspect, launcher, "sidecar", "--bootstrap", file];
      processes.push(await started(command, PROXY_CORE, folder, name, port));
    }
    return await watch(minutes, perSecond);
  } finally {
    for (const started of processes) await started.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function started(
  command: readonly string[],
  core: number,
  folder: string,
  name: string,
  port: number,
): Promise<PinnedProcess> {
  const one = new PinnedProcess(command, core, join(folder, `${name}.log`));
  await one.listening(port);
  return one;
}

/** As the benchmark's chain, with WebSocket allowed. */
function bootstrapOf(name: string, index: number, certificates: string): string {
  const isInbound = name === "inbound";
  return writeBootstrap({
    ...{ name, adminPort: PORTS.admin + index, certificates, hasTunnels: true },
    listener: isInbound
      ? { port: PORTS.inbound, tlsAs: "b", tlsPeer: "a" }
      : { port: PORTS.outbound },
    cluster: isInbound
      ? { port: PORTS.app }
      : { port: PORTS.inbound, tlsAs: "a", tlsPeer: "b", protocol: "http2" },
  });
}

async function watch(minutes: number, perSecond: number): Promise<number> {
  const inspected = await Promise.all(
    [0, 1].map((index) => InspectedProcess.attach(PORTS.inspector + index)),
  );
  const load = new Load(PORTS.outbound);
  const readings: (readonly Usage[])[] = [];
  console.log(
    "minute  requests  failures  inbound: heap MB, files, timers  outbound: heap MB, files, timers",
  );
  for (let minute = 1; minute <= minutes; minute++) {
    load.start(perSecond);
    await delay(MINUTE_MS);
    await load.pause();
    await delay(SETTLE_MS);
    const usages = await Promise.all(inspected.map((one) => one.usage()));
    readings.push(usages);
    const columns = usages.map(({ heapBytes, descriptors, timers }) => {
      return `${(heapBytes / 2 ** 20).toFixed(2)} ${descriptors} ${timers}`.padEnd(32);
    });
    console.log(
      `${String(minute).padEnd(7)} ${load.requests}  ${load.failures}  ${columns.join(" ")}`,
    );
  }
  load.stop();
  for (const one of inspected) one.close();
  const findings = findingsOf(readings.slice(WARM_UP_MINUTES));
  for (const [failure, count] of load.failuresBy)
    findings.push(`failed, ${count} times: ${failure}`);
  for (const finding of findings) console.log(finding);
  console.log(findings.length === 0 ? "nothing grows" : "see above");
  return findings.length === 0 ? 0 : 1;
}

/** The halves of the judged time are compared: what leaks is more in the second. */
function findingsOf(readings: readonly (readonly Usage[])[]): string[] {
  const findings: string[] = [];
  const half = Math.floor(readings.length / 2);
  for (const [index, name] of ["inbound", "outbound"].entries()) {
    const median = (from: number, to: number, of: (usage: Usage) => number): number => {
      const part = readings.slice(from, to).map((usages) => of(usages[index]!));
      return part.sort((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0;
    };
    const growth = (of: (usage: Usage) => number): number =>
      median(half, readings.length, of) - median(0, half, of);
    const heap = growth(({ heapBytes }) => heapBytes);
    if (heap > HEAP_GROWTH_BYTES_MAX)
      findings.push(`${name}: the heap grows by ${Math.round(heap / 1024)} KB`);
    const files = growth(({ descriptors }) => descriptors);
    if (files > DESCRIPTOR_GROWTH_MAX)
      findings.push(`${name}: ${files.toFixed(0)} more open descriptors`);
    const timers = growth((usage) => usage.timers);
    if (timers > 1) findings.push(`${name}: ${timers.toFixed(0)} more timers`);
  }
  return findings;
}
