/** From the command line of `tulle run` to the instance that it describes. */
import { isIP } from "node:net";
import type { Prng } from "../../core/prng.ts";
import { parseWorkerCount, WORKER_COUNT_RULE, type WorkerCount } from "../../core/worker-count.ts";
import type { CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import {
  type InstanceSpec,
  instanceName,
  isName,
  labelProblem,
  NAME_RULE,
  readinessOf,
} from "./instance-spec.ts";
import {
  isProtocol,
  type PortSpec,
  parsePortSpec,
  type ResolvedPort,
  resolvePorts,
} from "./port-spec.ts";
import { withPropagator } from "./propagator.ts";

/** Throws a usage error that names the option, or `CLI_FAILED` when a port is in use. */
export async function parseRunOptions(
  context: Pick<CliContext, "globals" | "env" | "cwd">,
  input: CommandInput,
  prng: Prng,
): Promise<InstanceSpec> {
  const [program, ...args] = input.passthrough;
  if (program === undefined) {
    throw usageError(
      "which app?",
      "write it after --, as in `tulle run --service web -- node app.js`",
    );
  }
  const service = input.optionalString("service");
  if (service === undefined) {
    throw usageError("an instance needs a service", "write --service NAME");
  }
  const labels = { app: service, ...parseLabels(input.strings("labels")) };
  const name = input.optionalString("name") ?? instanceName(service, labels["version"], prng);
  const serviceAccount = input.optionalString("service-account") ?? service;
  for (const [option, value] of [
    ["--service", service],
    ["--name", name],
    ["--service-account", serviceAccount],
    ["--namespace", context.globals.namespace],
  ] as const) {
    if (!isName(value)) throw usageError(`${option} "${value}" is not a name: ${NAME_RULE}`);
  }
  const ports = await resolvePorts(parsePorts(input), new Set());
  return {
    name,
    service,
    namespace: context.globals.namespace,
    serviceAccount,
    labels,
    zone: input.optionalString("zone") ?? "",
    address: parseAddress(input.optionalString("address")),
    ports,
    command: [program, ...args],
    cwd: context.cwd,
    env: input.isSet("propagate") ? withPropagator(context.env) : context.env,
    readiness: parseReadiness(input.string("ready")),
    workers: parseWorkers(input.optionalString("workers")),
    workloadApi: input.isSet("workload-api"),
    appMetrics: parseAppMetrics(input.optionalString("app-metrics"), ports),
  };
}

function parseLabels(texts: readonly string[]): Record<string, string> & { version?: string } {
  const labels: Record<string, string> & { version?: string } = {};
  for (const pair of texts.flatMap((text) => text.split(","))) {
    const at = pair.indexOf("=");
    if (at < 1) {
      throw usageError(
        `--labels: "${pair}" is not KEY=VALUE`,
        "as in --labels version=v1,tier=web",
      );
    }
    const [key, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const problem = labelProblem(key, value);
    if (problem !== undefined) throw usageError(`--labels: ${problem}`);
    labels[key] = value;
  }
  return labels;
}

function parsePorts(input: CommandInput): readonly PortSpec[] {
  const word = input.optionalString("protocol");
  const protocol = word !== undefined && isProtocol(word) ? word : undefined;
  const names = new Set<string>();
  return input.strings("port").map((text) => {
    const parsed = parsePortSpec(text, protocol);
    if (!parsed.ok) throw usageError(`--port: ${parsed.message}`);
    if (names.has(parsed.spec.name)) {
      throw usageError(
        `--port: two ports have the name ${parsed.spec.name}`,
        `write another in front, as in --port admin=${text}`,
      );
    }
    names.add(parsed.spec.name);
    return parsed.spec;
  });
}

function parseAddress(text: string | undefined): string | undefined {
  if (text === undefined || isIP(text) !== 0) return text;
  throw usageError(`--address "${text}" is not an IP address`);
}

function parseWorkers(text: string | undefined): WorkerCount | undefined {
  if (text === undefined) return undefined;
  const count = parseWorkerCount(text);
  if (count === undefined) throw usageError(`--workers "${text}" is not ${WORKER_COUNT_RULE}`);
  return count;
}

/** `9090`, `9090/metrics`, or `auto/metrics` for the app's first port. */
function parseAppMetrics(text: string | undefined, ports: readonly ResolvedPort[]) {
  if (text === undefined) return undefined;
  const match = /^(auto|\d{1,5})(\/\S*)?$/.exec(text);
  const [, place, path = "/metrics"] = match ?? [];
  const port = place === "auto" ? ports[0]?.port : Number(place);
  if (port === undefined) {
    throw usageError("--app-metrics auto: the app has no port", "write --port, or a number");
  }
  if (match === null || port < 1 || port > 65_535) {
    throw usageError(
      `--app-metrics "${text}" is not PORT[/PATH]`,
      "as in --app-metrics 9090/metrics, or auto/metrics for the app's first port",
    );
  }
  return { port, path };
}

function parseReadiness(text: string) {
  if (text !== "tcp" && text !== "none" && !text.startsWith("/")) {
    throw usageError(`--ready "${text}" is neither tcp, none nor a path`, "as in --ready /healthz");
  }
  return readinessOf(text);
}
