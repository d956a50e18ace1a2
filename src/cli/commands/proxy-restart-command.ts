/** `tulle proxy restart`: another process of the same sidecar takes over, as after an upgrade of the program. */
import { RESTART_DRAIN_MS_MAX, RESTART_START_MS_MAX } from "../../core/limits.ts";
import type { AdminClient } from "../admin-client.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { failedError, usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";
import { askProxy, findProxyAdmin } from "../proxy-admin.ts";

/** It answers when the new process serves, or when that has failed. */
const ANSWER_MS = RESTART_START_MS_MAX + 10_000;

export const command: Command = {
  name: "proxy restart",
  summary: "Restart sidecars without losing a request",
  description: `Starts a second process of the sidecar, from the program as it is on disk now. It takes over the listening sockets, and serves once it has its configuration; the first process then accepts no more and ends when what it carries has ended. Callers, the app and the registry see one sidecar all the time. A new process that does not come to serve is ended, and nothing has changed.

Sidecars are restarted one after the other. The counters of the new process begin at 0. SIGUSR2 to a \`tulle sidecar\` does the same.`,
  examples: [
    { line: "tulle proxy restart catalog-v1-x7k2p", summary: "One sidecar, after an upgrade" },
    {
      line: "tulle proxy restart --all --drain-time 2m",
      summary: "All of them; requests and streams that are under way get two minutes",
    },
  ],
  arguments: [
    {
      name: "INSTANCE",
      summary: "Instances, as `tulle status` names them",
      isVariadic: true,
      completion: { kind: "proxies" },
    },
  ],
  options: [
    { name: "all", summary: "Every sidecar that is connected" },
    {
      name: "drain-time",
      value: "DURATION",
      default: "10m",
      summary: "How long the old process goes on with what it carries",
    },
  ],
  formats: ["table", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const named = input.variadic("INSTANCE");
  const isAll = input.isSet("all");
  if (isAll === named.length > 0) {
    throw usageError("which sidecars?", "write their instances, or --all");
  }
  const drainMs = input.durationMs("drain-time");
  if (drainMs > RESTART_DRAIN_MS_MAX) {
    throw usageError(`--drain-time is ${drainMs / 1000} s: a day is the most`);
  }
  const client = await context.adminClient();
  const instances = isAll ? await connected(client) : named;
  const restarted: string[] = [];
  for (const name of instances) {
    if (context.signal.aborted) break;
    await restart(client, name, drainMs);
    restarted.push(name);
  }
  await writeResult(context, {
    data: { restarted },
    names: restarted,
    table: () => restarted.map((name) => `${name}: a new process serves\n`).join(""),
  });
  return EXIT_OK;
}

async function connected(client: AdminClient): Promise<readonly string[]> {
  const { proxies } = await client.proxies();
  return proxies
    .filter((one) => one.connected && !one.userAgent.startsWith("envoy"))
    .map(({ id }) => id);
}

async function restart(client: AdminClient, name: string, drainMs: number): Promise<void> {
  const { address, isEnvoy } = await findProxyAdmin(client, name);
  if (isEnvoy) {
    throw failedError(
      `${name} is an Envoy, which is restarted by its own starter`,
      "see Envoy's hot-restarter.py",
    );
  }
  const path = `/restart?drain_time_s=${drainMs / 1000}`;
  await askProxy(address, { method: "POST", path, timeoutMs: ANSWER_MS });
}
