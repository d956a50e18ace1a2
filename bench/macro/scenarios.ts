/**
 * What is measured: each scenario set up with each proxy, as the processes to start and the port to
 * load. The proxies are configured as their users would for speed: one worker, keep-alive on both
 * sides, no access log.
 */
import { join } from "node:path";
import { writeBootstrap } from "./bootstrap.ts";
import type { ProxyName, ScenarioName } from "./names.ts";
import { haproxy, nginxProxy, type PeerOptions } from "./peers.ts";
import type { PinnedCommand } from "./pinned-process.ts";
import type { Tools } from "./tools.ts";

export interface BenchProcess {
  readonly command: PinnedCommand;
  /** Where it listens once it is ready. */
  readonly port: number;
}

/** One scenario with one proxy, ready to start. */
export interface BenchCase {
  readonly scenario: ScenarioName;
  readonly proxy: ProxyName;
  /** In the order in which they start. */
  readonly processes: readonly BenchProcess[];
  /** Where the load goes. */
  readonly port: number;
}

export interface CaseContext {
  /** Work folder: configuration files are written here, certificates lie in `certs/`. */
  readonly folder: string;
  readonly backendPort: number;
  readonly tools: Tools;
  /** The command line of our sidecar up to the name of the bootstrap file. */
  readonly tulle: readonly string[];
  /** A free port at each call. */
  nextPort(): number;
  write(name: string, content: string): string;
}

export function createCase(
  context: CaseContext,
  scenario: ScenarioName,
  proxy: ProxyName,
): BenchCase {
  const port = context.nextPort();
  const innerPort = context.nextPort();
  const roles =
    scenario === "plain"
      ? [{ role: "plain", port, upstreamPort: context.backendPort } as const]
      : [
          { role: "inbound", port: innerPort, upstreamPort: context.backendPort } as const,
          { role: "outbound", port, upstreamPort: innerPort } as const,
        ];
  const processes = roles.map((half) => ({
    command: commandFor(context, proxy, { folder: context.folder, ...half }),
    port: half.port,
  }));
  return { scenario, proxy, port, processes };
}

function commandFor(context: CaseContext, proxy: ProxyName, half: PeerOptions): PinnedCommand {
  const name = `${proxy}-${half.role}`;
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
  const bootstrap = writeBootstrap({
    name,
    adminPort: context.nextPort(),
    certificates: join(context.folder, "certs"),
    listener: { port: half.port, ...(half.role === "inbound" ? { tlsAs: "b" } : {}) },
    cluster: {
      port: half.upstreamPort,
      ...(half.role === "outbound" ? { tlsAs: "a", tlsPeer: "b" } : {}),
    },
  });
  return context.write(`${name}.json`, bootstrap);
}
