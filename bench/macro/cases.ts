/**
 * Each scenario set up with each proxy, as the processes to start and the port to load. The proxies are
 * configured as their users would for speed: one worker, keep-alive on both sides, no access log.
 */
import { join } from "node:path";
import type { BackendPorts } from "./backends.ts";
import { writeBootstrap } from "./bootstrap.ts";
import type { ProxyName, ScenarioName } from "./names.ts";
import { haproxy, nginxProxy, type PeerOptions } from "./peers.ts";
import type { PinnedCommand } from "./pinned-process.ts";
import { protocolBetween, SCENARIO_TABLE } from "./scenarios.ts";
import type { Tools } from "./tools.ts";
import type { Variant } from "./variants.ts";

export interface BenchProcess {
  readonly command: PinnedCommand;
  /** Where it listens once it is ready. */
  readonly port: number;
}

/** One scenario with one proxy, ready to start. */
export interface BenchCase {
  readonly scenario: ScenarioName;
  readonly proxy: ProxyName;
  readonly variant: Variant;
  /** In the order in which they start. */
  readonly processes: readonly BenchProcess[];
  /** Where the load goes. */
  readonly port: number;
  /** Where the first proxy connects to: the second one, or the backend. */
  readonly upstreamPort: number;
}

export interface CaseContext {
  /** Work folder: configuration files are written here, certificates lie in `certs/`. */
  readonly folder: string;
  readonly backendPorts: BackendPorts;
  readonly tools: Tools;
  /** The command line of our sidecar up to the name of the bootstrap file. */
  readonly tulle: readonly string[];
  /** A free port at each call. */
  nextPort(): number;
  write(name: string, content: string): string;
}

/** One for each variant of the scenario. */
export function createCases(
  context: CaseContext,
  scenario: ScenarioName,
  proxy: ProxyName,
): readonly BenchCase[] {
  return SCENARIO_TABLE[scenario].variants.map((variant) => {
    const port = context.nextPort();
    const halves = halvesOf({ context, scenario, proxy, variant }, port);
    const suffix = variant.name === "" ? "" : `-${variant.name}`;
    const processes = halves.map((half) => {
      const name = `${scenario}-${proxy}-${half.role}${suffix}`;
      return { command: commandFor(context, name, proxy, half), port: half.port };
    });
    const upstreamPort = halves.at(-1)?.upstreamPort ?? 0;
    return { scenario, proxy, variant, port, upstreamPort, processes };
  });
}

interface CaseKey {
  readonly context: CaseContext;
  readonly scenario: ScenarioName;
  readonly proxy: ProxyName;
  readonly variant: Variant;
}

/** The proxies in a row, the one next to the backend first. */
function halvesOf(key: CaseKey, port: number): readonly PeerOptions[] {
  const { context, proxy, variant } = key;
  const { folder, backendPorts } = context;
  const scenario = SCENARIO_TABLE[key.scenario];
  const { hops, client, backend, request } = scenario;
  const backendPort = backendPorts[request === "grpc" ? "grpc" : backend];
  if (hops === 1) {
    const upstreamPort = variant.endpoints > 1 ? backendPorts.spread : backendPort;
    return [{ folder, role: "plain", port, upstreamPort, client, upstream: backend, variant }];
  }
  const between = protocolBetween(scenario, proxy);
  const inbound = { port: context.nextPort(), upstreamPort: backendPort };
  return [
    { folder, role: "inbound", ...inbound, client: between, upstream: backend },
    { folder, role: "outbound", port, upstreamPort: inbound.port, client, upstream: between },
  ];
}

function commandFor(
  context: CaseContext,
  name: string,
  proxy: ProxyName,
  half: PeerOptions,
): PinnedCommand {
  switch (proxy) {
    case "nginx":
      return [context.tools.nginx, "-c", context.write(`${name}.conf`, nginxProxy(half))];
    case "haproxy":
      return [context.tools.haproxy, "-f", context.write(`${name}.cfg`, haproxy(half))];
    case "envoy": {
      const quiet = ["--concurrency", "1", "-l", "off", "--disable-hot-restart"];
      return [context.tools.envoy, "-c", bootstrapFile(context, name, half), ...quiet];
    }
    case "tulle":
      return [...context.tulle, bootstrapFile(context, name, half)];
  }
}

/** Envoy and our sidecar start from the very same file but for the ports in it. */
function bootstrapFile(context: CaseContext, name: string, half: PeerOptions): string {
  const { role, port, upstreamPort, upstream, variant } = half;
  const bootstrap = writeBootstrap({
    name,
    adminPort: context.nextPort(),
    certificates: join(context.folder, "certs"),
    listener: { port, ...(role === "inbound" ? { tlsAs: "b", tlsPeer: "a" } : {}) },
    cluster: {
      port: upstreamPort,
      protocol: upstream ?? "http1",
      ...(role === "outbound" ? { tlsAs: "a", tlsPeer: "b" } : {}),
    },
    collectorPort: context.backendPorts.http2,
    ...(variant === undefined ? {} : { variant }),
  });
  return context.write(`${name}.json`, bootstrap);
}
