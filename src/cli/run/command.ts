/** `tulle run`: one app with a sidecar beside it, for as long as the app runs. */
import { randomInt } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { systemClock } from "../../core/clock.ts";
import { SeededPrng } from "../../core/prng.ts";
import { INSTANCE_PROTOCOLS } from "../../resource/port-protocol.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import {
  type ControlPlaneRef,
  findControlPlaneRef,
  type JoinFiles,
  joinArguments,
  runFolder,
} from "./control-plane-ref.ts";
import { createMissingServices } from "./default-service.ts";
import { startGuardian } from "./guardian.ts";
import { Instance, type InstanceEvent } from "./instance.ts";
import type { InstanceSpec } from "./instance-spec.ts";
import { describeStatus, exitCodeOfStatus } from "./process-group.ts";
import { RegistryView } from "./registry-view.ts";
import { parseRunOptions } from "./run-options.ts";
import { isWorthShowing } from "./sidecar-log.ts";
import { listenToSignals } from "./signals.ts";

export const command: Command = {
  name: "run",
  summary: "Run one command as an instance of a service, with a sidecar",
  description: `Starts a sidecar, waits until it is ready, then starts COMMAND and registers it as an instance of the service. The app listens on 127.0.0.1 at its port (also in PORT) and reaches other services at <SERVICE>_SERVICE_HOST and <SERVICE>_SERVICE_PORT. Nothing in it has to know of the mesh, and nothing here needs root.

SIGTERM and Ctrl-C first take the instance out of its callers' load balancing, then reach the app; other signals reach it at once. The exit code is the app's own, or 128 and the signal's number when a signal killed it. A sidecar that dies is started again while the app runs on.`,
  examples: [
    {
      line: "tulle run --service catalog --labels version=v1 --port 8080 -- node app.js",
      summary: "An instance of catalog that listens on port 8080",
    },
    {
      line: "tulle run --service reports --port auto --ready /healthz -- python3 app.py",
      summary: "Any free port, told by PORT; ready when /healthz answers",
    },
    {
      line: "tulle run --service tester -- sh -c 'curl -s \"http://$CATALOG_SERVICE_HOST:$CATALOG_SERVICE_PORT\"'",
      summary: "A client only: it has no port",
    },
  ],
  options: [
    { name: "service", value: "NAME", summary: "The service that the app is an instance of" },
    {
      name: "port",
      value: "PORT",
      isMultiple: true,
      summary: "Where the app listens: PORT, FIRST-LAST or auto; NAME= before, /PROTOCOL after",
    },
    {
      name: "protocol",
      value: "PROTOCOL",
      choices: INSTANCE_PROTOCOLS,
      summary:
        "What the app speaks on ports that do not say; default: a port's name says, or its number, else http",
    },
    {
      name: "labels",
      value: "KEY=VALUE",
      isMultiple: true,
      summary: "Labels of the instance, separated by commas; app is set already",
    },
    { name: "service-account", value: "NAME", summary: "Its identity; default: the service" },
    { name: "zone", value: "ZONE", summary: "Where it says that it runs" },
    {
      name: "address",
      value: "IP",
      summary: "Where others reach it; default: a loopback address of its own",
    },
    { name: "name", value: "NAME", summary: "The instance's name; default: made up" },
    {
      name: "ready",
      value: "tcp|none|/PATH",
      default: "tcp",
      summary: "When the app counts as ready",
    },
    {
      name: "workers",
      value: "N|auto",
      summary: "Processes of its sidecar; auto is one per core (default 1)",
    },
    {
      name: "app-metrics",
      value: "PORT[/PATH]",
      summary: "Put the app's own metrics on its sidecar's page (auto: the app's first port)",
    },
    {
      name: "workload-api",
      summary:
        "Gives the app its own certificate and tokens by the SPIFFE Workload API (SPIFFE_ENDPOINT_SOCKET)",
    },
    {
      name: "propagate",
      summary: "Has a Node app pass trace contexts on that does not do so itself",
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
  passthrough: { name: "COMMAND...", summary: "The app and its arguments" },
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const prng = new SeededPrng(randomInt(2 ** 31));
  const spec = await parseRunOptions(context, input, prng);
  const joinFiles = joinFilesOf(context, input);
  const controlPlane = await findControlPlaneRef(context);
  joinArguments(controlPlane, joinFiles);
  const folder =
    runFolder(controlPlane, spec.name) ?? (await mkdtemp(join(tmpdir(), "tulle-run-")));
  await announceService(context, controlPlane, spec);
  const guardian = startGuardian();
  const instance = new Instance({
    spec,
    controlPlane,
    registry: new RegistryView(controlPlane.admin),
    folder,
    joinFiles,
    restart: "never",
    guardian,
    clock: systemClock,
    prng,
    appStdio: "inherit",
    onAppProcess: () => {},
    onEvent: (event) => report(context, spec, event),
  });
  const stopListening = forwardSignals(instance);
  // A signal that came before there was anything to stop.
  if (context.signal.aborted) void instance.stop();
  try {
    await instance.start();
    void instance.waitServing();
    await instance.finished;
    return exitCodeOfStatus(await instance.stop());
  } finally {
    await instance.stop();
    stopListening();
    guardian.close();
  }
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

/** These begin the end of an instance: its callers let go first. */
const STOP_SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** These are the app's own business. SIGUSR1 is not among them: in Node it opens a debugger, here as there. */
const PASSED_SIGNALS = ["SIGHUP", "SIGUSR2", "SIGQUIT", "SIGCONT", "SIGWINCH"] as const;

function forwardSignals(instance: Instance): () => void {
  const endStop = listenToSignals(STOP_SIGNALS, (signal) => void instance.stop(signal));
  const endPass = listenToSignals(PASSED_SIGNALS, (signal) => instance.signal(signal));
  return () => {
    endStop();
    endPass();
  };
}

async function announceService(
  context: CliContext,
  { admin }: ControlPlaneRef,
  spec: InstanceSpec,
): Promise<void> {
  const created = await createMissingServices(admin, [spec]);
  for (const name of created) say(context, `created a Service ${name}: nobody had described one`);
}

function report(context: CliContext, spec: InstanceSpec, event: InstanceEvent): void {
  switch (event.kind) {
    case "serving":
      say(context, `${spec.name} serves ${spec.service}`);
      return;
    case "sidecar-log":
      if (isWorthShowing(event.line) || context.globals.isVerbose) {
        context.stderr.write(`sidecar: ${event.line}\n`);
      }
      return;
    case "access-log":
      context.stderr.write(`sidecar: ${event.line}\n`);
      return;
    case "sidecar-ended":
      context.stderr.write(
        `tulle: the sidecar ${describeStatus(event.status)}; it starts again while the app runs on\n`,
      );
      return;
    case "app-ended":
      if (event.status.kind === "not-started") {
        context.stderr.write(`tulle: ${event.status.message}\n`);
      }
      return;
    case "draining":
      say(context, `${spec.name} lets its callers go`);
      return;
    case "sidecar-ready":
    case "app-started":
    case "app-stopped":
      return;
  }
}

function say(context: CliContext, text: string): void {
  if (!context.globals.isQuiet) context.stderr.write(`tulle: ${text}\n`);
}
