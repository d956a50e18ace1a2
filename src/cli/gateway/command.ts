/** `tulle gateway`: the proxy at the edge, for as long as the command runs. */
import { randomInt } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { systemClock } from "../../core/clock.ts";
import { type Prng, SeededPrng } from "../../core/prng.ts";
import { parseWorkerCount, WORKER_COUNT_RULE } from "../../core/worker-count.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import {
  findControlPlaneRef,
  type JoinFiles,
  joinArguments,
  runFolder,
} from "../run/control-plane-ref.ts";
import { startGuardian } from "../run/guardian.ts";
import { instanceName, isName, NAME_RULE, type ProxySpec } from "../run/instance-spec.ts";
import { describeStatus } from "../run/process-group.ts";
import { isWorthShowing } from "../run/sidecar-log.ts";
import { GatewayProcess } from "./gateway.ts";
import { GATEWAY_ADDRESS_DEFAULT, gatewayLabels } from "./gateway-spec.ts";

export const command: Command = {
  name: "gateway",
  summary: "Run a gateway: where requests from outside enter the mesh",
  description: `Runs the Gateway of this name: listens on its ports, ends TLS where it says so, and sends requests to services by mutual TLS, as HTTPRoutes and GRPCRoutes that name it as a parent say. It follows every change, and waits for a Gateway that does not exist yet.

Several may run one Gateway, on as many machines. Certificates are read from files on this machine, and read again when they change. SIGTERM and Ctrl-C let requests under way end.`,
  examples: [
    { line: "tulle gateway shop", summary: "Gateway shop, on 127.0.0.1" },
    {
      line: "tulle gateway shop --address 0.0.0.0",
      summary: "The same, for everyone who reaches this machine",
    },
  ],
  arguments: [
    {
      name: "NAME",
      summary: "The Gateway",
      isRequired: true,
      completion: { kind: "names", of: { kind: "Gateway" } },
    },
  ],
  options: [
    {
      name: "address",
      value: "IP",
      default: GATEWAY_ADDRESS_DEFAULT,
      summary: "Where it listens; 0.0.0.0 or :: for all addresses of this machine",
    },
    {
      name: "service-account",
      value: "NAME",
      summary: "Its identity; default: the Gateway's name",
    },
    { name: "zone", value: "ZONE", summary: "Where it says that it runs" },
    {
      name: "workers",
      value: "N|auto",
      default: "auto",
      summary: "Processes that share the traffic; auto is one per core",
    },
    {
      name: "join-token-file",
      value: "FILE",
      summary: "A join token, for a control plane on another machine",
      completion: { kind: "files" },
    },
    {
      name: "join-bundle-file",
      value: "FILE",
      summary: "The roots to trust when joining with a token, in PEM",
      completion: { kind: "files" },
    },
  ],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const prng = new SeededPrng(randomInt(2 ** 31));
  const spec = specOf(context, input, prng);
  const joinFiles = joinFilesOf(context, input);
  const controlPlane = await findControlPlaneRef(context);
  joinArguments(controlPlane, joinFiles);
  const folder =
    runFolder(controlPlane, spec.name) ?? (await mkdtemp(join(tmpdir(), "tulle-gateway-")));
  const guardian = startGuardian();
  const say = (text: string): void => {
    if (!context.globals.isQuiet) context.stderr.write(`tulle: ${text}\n`);
  };
  const gateway = new GatewayProcess({
    ...{ spec, controlPlane, folder, joinFiles, guardian, clock: systemClock, prng },
    onLine: (line, kind) => {
      if (kind === "log" && !isWorthShowing(line) && !context.globals.isVerbose) return;
      context.stderr.write(`gateway: ${line}\n`);
    },
    onEnded: (status) => say(`the gateway ${describeStatus(status)}; it starts again`),
  });
  const aborted = new Promise<void>((end) => {
    if (context.signal.aborted) end();
    else context.signal.addEventListener("abort", () => end(), { once: true });
  });
  try {
    await Promise.race([gateway.start(), aborted]);
    if (!context.signal.aborted) say(`gateway ${spec.gateway} is ready on ${spec.address}`);
    await aborted;
    return 0;
  } finally {
    await gateway.stop();
    guardian.close();
  }
}

function specOf(context: CliContext, input: CommandInput, prng: Prng): ProxySpec {
  const gateway = input.argument("NAME");
  const serviceAccount = input.optionalString("service-account") ?? gateway;
  const address = input.string("address");
  for (const [what, value] of [
    ["NAME", gateway],
    ["--service-account", serviceAccount],
    ["--namespace", context.globals.namespace],
  ] as const) {
    if (!isName(value)) throw usageError(`${what} "${value}" is not a name: ${NAME_RULE}`);
  }
  if (isIP(address) === 0) throw usageError(`--address "${address}" is not an IP address`);
  const text = input.string("workers");
  const workers = parseWorkerCount(text);
  if (workers === undefined) throw usageError(`--workers "${text}" is not ${WORKER_COUNT_RULE}`);
  return {
    name: instanceName(gateway, undefined, prng),
    gateway,
    service: gateway,
    namespace: context.globals.namespace,
    serviceAccount,
    labels: gatewayLabels(gateway),
    zone: input.optionalString("zone") ?? "",
    address,
    ports: [],
    env: context.env,
    workers,
  };
}

function joinFilesOf(context: CliContext, input: CommandInput): JoinFiles | undefined {
  const token = input.optionalString("join-token-file");
  const bundle = input.optionalString("join-bundle-file");
  if (token === undefined && bundle === undefined) return undefined;
  if (token !== undefined && bundle !== undefined) {
    return { token: resolve(context.cwd, token), bundle: resolve(context.cwd, bundle) };
  }
  throw usageError("--join-token-file and --join-bundle-file belong together", "write both");
}
