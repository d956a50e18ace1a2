/** Sends the whole corpus through both proxies, the one after the other, and keeps what each did. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessLogLines, withAccessLogs } from "./access-log.ts";
import { type OracleCase, request, STATIC } from "./case.ts";
import { runCase, type Target } from "./client.ts";
import { loadMeshConfig, MeshIdentities } from "./mesh-config.ts";
import { type Observation, observe } from "./observation.ts";
import {
  type ForBoth,
  forBoth,
  listenerPorts,
  MeshPair,
  PROXIES,
  startPair,
} from "./proxy-pair.ts";
import { RecordingUpstream } from "./recording-upstream.ts";
import { LISTENER_COUNT, oracleBootstrap } from "./static-bootstrap.ts";

export type Observations = ReadonlyMap<string, ForBoth<Observation>>;

/** Nothing ever listens there: TCP port 1 needs privileges, and its service is extinct. */
const DEAD_PORT = 1;

/** Its line in the access log comes behind all others. */
const LAST: OracleCase = {
  id: "last",
  config: STATIC,
  listener: "main",
  steps: [{ send: request("/") }],
};

interface Ports {
  readonly ports: ForBoth<ReadonlyMap<string, number>>;
  readonly target: (wanted: OracleCase, port: number) => Target;
}

/** The cases of the static bootstrap. */
export async function runStatic(
  envoyBinary: string,
  cases: readonly OracleCase[],
): Promise<Observations> {
  const folder = mkdtempSync(join(tmpdir(), "tulle-oracle-log-"));
  const upstream = new RecordingUpstream();
  try {
    const [alpha, beta, gamma] = await Promise.all([
      upstream.open("alpha"),
      upstream.open("beta"),
      upstream.open("gamma"),
    ]);
    const logPath = join(folder, "access.log");
    const bootstrap = oracleBootstrap({ alpha, beta, gamma, dead: DEAD_PORT }, logPath);
    const proxies = await startPair(envoyBinary, bootstrap);
    try {
      const ports = await forBoth((name) => listenerPorts(proxies[name], LISTENER_COUNT));
      const target = (_: OracleCase, port: number): Target => ({ port });
      const observations = await observeAll([...cases, LAST], { ports, target }, upstream);
      const lines = await accessLogLines(logPath, ports, LAST);
      return withAccessLogs(observations, lines);
    } finally {
      await forBoth((name) => proxies[name].stop());
    }
  } finally {
    upstream.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface MeshRun {
  readonly observations: Observations;
  /** What was refused, by mesh file. */
  readonly refusals: ReadonlyMap<string, readonly string[]>;
}

/** The cases of mesh files. Each file is served over ADS and must be in force before its cases begin. */
export async function runMeshes(
  envoyBinary: string,
  files: readonly string[],
  cases: readonly OracleCase[],
): Promise<MeshRun> {
  const upstream = new RecordingUpstream();
  const identities = new MeshIdentities();
  const pair = await MeshPair.start(envoyBinary);
  const observations = new Map<string, ForBoth<Observation>>();
  const refusals = new Map<string, readonly string[]>();
  try {
    for (const file of files) {
      const config = await loadMeshConfig(file, identities, upstream);
      const ports = await pair.apply(config);
      refusals.set(file, await pair.refusals());
      const named = (found: ReadonlyMap<string, number>): ReadonlyMap<string, number> =>
        new Map([...config.listeners].map(([alias, name]) => [alias, found.get(name) ?? 0]));
      const target = ({ client }: OracleCase, port: number): Target => ({
        port,
        ...(client === undefined ? {} : { tls: clientContext(client, identities) }),
      });
      const own = cases.filter((wanted) => wanted.config === file);
      const both = { envoy: named(ports.envoy), tulle: named(ports.tulle) };
      const found = await observeAll(own, { ports: both, target }, upstream);
      for (const [id, observed] of found) observations.set(id, observed);
    }
    return { observations, refusals };
  } finally {
    await pair.stop();
    upstream.close();
  }
}

function clientContext(client: string, identities: MeshIdentities): object {
  const base = { ca: identities.caPem, ALPNProtocols: ["http/1.1"] };
  return client === "none" ? base : { ...base, ...identities.contextOf(client) };
}

/** One proxy after the other, so that what one still sends late is not taken for what the other does. */
async function observeAll(
  cases: readonly OracleCase[],
  { ports, target }: Ports,
  upstream: RecordingUpstream,
): Promise<Observations> {
  const found = { envoy: new Map<string, Observation>(), tulle: new Map<string, Observation>() };
  for (const name of PROXIES) {
    for (const wanted of cases) {
      const port = ports[name].get(wanted.listener);
      if (port === undefined) throw new Error(`${wanted.id}: no listener ${wanted.listener}`);
      upstream.begin(wanted);
      const transcript = await runCase(wanted, target(wanted, port), upstream);
      const received = wanted.isAbandoned === true ? [] : upstream.received;
      found[name].set(wanted.id, observe(transcript, received));
    }
  }
  return new Map(
    cases.map(({ id }) => [
      id,
      { envoy: found.envoy.get(id) ?? new Map(), tulle: found.tulle.get(id) ?? new Map() },
    ]),
  );
}

export function isStatic({ config }: OracleCase): boolean {
  return config === STATIC;
}
