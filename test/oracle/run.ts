/** Sends the whole corpus through both proxies, the one after the other, and keeps what each did. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../src/core/errors.ts";
import { freePort } from "../support/free-port.ts";
import { accessLogLines, withAccessLogs } from "./access-log.ts";
import { HTTP1_BOTH, type OracleCase, request, STATIC, type Versions } from "./case.ts";
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
import { LISTENER_COUNT, listenerFor, oracleBootstrap } from "./static-bootstrap.ts";

export type Observations = ReadonlyMap<string, ForBoth<Observation>>;

/** Its line in the access log comes behind all others. */
const LAST: OracleCase = {
  id: "last",
  config: STATIC,
  listener: "main",
  steps: [{ send: request("/") }],
};

const UPSTREAM_VERSIONS: readonly Versions["upstream"][] = [1, 2];

/** Most of the time is Envoy's, which takes a second to close a connection. */
const LANES = 24;

interface Ports {
  readonly ports: ForBoth<ReadonlyMap<string, number>>;
  /** The name of a case's listener there. */
  readonly listenerOf: (wanted: OracleCase) => string;
  readonly target: (wanted: OracleCase, port: number) => Target;
}

/** The cases of the static bootstrap, with a pair of proxies for each version that upstreams speak. */
export async function runStatic(
  envoyBinary: string,
  cases: readonly OracleCase[],
): Promise<Observations> {
  const runs = UPSTREAM_VERSIONS.map((version) => {
    const own = cases.filter(({ versions = HTTP1_BOTH }) => versions.upstream === version);
    return runStaticWith(envoyBinary, own, version);
  });
  return new Map((await Promise.all(runs)).flatMap((observations) => [...observations]));
}

async function runStaticWith(
  envoyBinary: string,
  cases: readonly OracleCase[],
  version: Versions["upstream"],
): Promise<Observations> {
  const folder = mkdtempSync(join(tmpdir(), "tulle-oracle-log-"));
  const upstream = new RecordingUpstream();
  try {
    const [alpha, beta, gamma] = await Promise.all(
      (["alpha", "beta", "gamma"] as const).map((label) => upstream.open(label)),
    );
    const logPath = join(folder, "access.log");
    // Port 1 would not do: configuration that other tests make up binds it.
    const dead = await freePort();
    const upstreams = { alpha: alpha ?? 0, beta: beta ?? 0, gamma: gamma ?? 0, dead };
    const proxies = await startPair(envoyBinary, oracleBootstrap(upstreams, logPath, version));
    try {
      const ports = await forBoth((name) => listenerPorts(proxies[name], LISTENER_COUNT));
      const target = (_: OracleCase, port: number): Target => ({ port });
      const listenerOf = ({ listener, versions = HTTP1_BOTH }: OracleCase): string =>
        listenerFor(listener, versions.downstream);
      const place = { ports, listenerOf, target };
      const observations = await observeAll([...cases, LAST], place, upstream);
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
      const target = ({ client, versions = HTTP1_BOTH }: OracleCase, port: number): Target => ({
        port,
        ...(client === undefined
          ? {}
          : { tls: clientContext(client, versions.downstream, identities) }),
      });
      const own = cases.filter((wanted) => wanted.config === file);
      const both = { envoy: named(ports.envoy), tulle: named(ports.tulle) };
      const listenerOf = ({ listener }: OracleCase): string => listener;
      const found = await observeAll(own, { ports: both, listenerOf, target }, upstream);
      for (const [id, observed] of found) observations.set(id, observed);
    }
    return { observations, refusals };
  } finally {
    await pair.stop();
    upstream.close();
  }
}

function clientContext(
  client: string,
  version: Versions["downstream"],
  identities: MeshIdentities,
): object {
  const base = { ca: identities.caPem, ALPNProtocols: [version === 1 ? "http/1.1" : "h2"] };
  return client === "none" ? base : { ...base, ...identities.contextOf(client) };
}

/**
 * One proxy after the other, so that what one still sends late is not taken for what the other does. Cases that
 * leave their upstream in peace run side by side.
 */
async function observeAll(
  cases: readonly OracleCase[],
  { ports, listenerOf, target }: Ports,
  upstream: RecordingUpstream,
): Promise<Observations> {
  const found = { envoy: new Map<string, Observation>(), tulle: new Map<string, Observation>() };
  for (const name of PROXIES) {
    const run = async (wanted: OracleCase): Promise<void> => {
      const port = ports[name].get(listenerOf(wanted));
      if (port === undefined) throw new Error(`${wanted.id}: no listener ${wanted.listener}`);
      found[name].set(wanted.id, await observed(wanted, target(wanted, port), upstream));
    };
    const peaceful = cases.filter(({ isPeaceful }) => isPeaceful === true).values();
    const lanes = Array.from({ length: LANES }, async () => {
      for (const wanted of peaceful) await run(wanted);
    });
    await Promise.all(lanes);
    for (const wanted of cases.filter(({ isPeaceful }) => isPeaceful !== true)) await run(wanted);
  }
  return new Map(
    cases.map(({ id }) => [
      id,
      { envoy: found.envoy.get(id) ?? new Map(), tulle: found.tulle.get(id) ?? new Map() },
    ]),
  );
}

/** A case that fails is an observation, too: the others are to be seen all the same. */
async function observed(
  wanted: OracleCase,
  target: Target,
  upstream: RecordingUpstream,
): Promise<Observation> {
  const session = upstream.begin(wanted);
  try {
    const transcript = await runCase(wanted, target, session);
    const received = wanted.isAbandoned === true ? [] : session.received;
    return observe(transcript, received, seesResets(wanted));
  } catch (error) {
    return new Map([["failure", messageOf(error)]]);
  } finally {
    upstream.end(wanted);
  }
}

/** Resets are on their way to an upstream while the answer is on its way to the client: only some cases wait for both. */
function seesResets({ steps }: OracleCase): boolean {
  return steps.some((step) => "awaitUpstreamReset" in step);
}

export function isStatic({ config }: OracleCase): boolean {
  return config === STATIC;
}
