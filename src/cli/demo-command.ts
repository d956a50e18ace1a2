/** `tulle demo`: the shop under demo/ as `tulle up` runs it, with a word on what to try and how it went. */
import { constants } from "node:fs";
import { access, rm } from "node:fs/promises";
import { delimiter, join, relative } from "node:path";
import type { Command, CommandInput } from "./command.ts";
import type { CliContext } from "./context.ts";
import { failedError } from "./errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "./exit-codes.ts";
import { findControlPlane, isProcessAlive, tulleHome } from "./find-control-plane.ts";
import { openBrowser } from "./open-browser.ts";
import type { InstanceEvent } from "./run/instance.ts";
import { PACKAGE_ROOT } from "./run/launcher.ts";
import { APP_HOST, parsePortSpec } from "./run/port-spec.ts";
import { describeStatus, type ExitStatus } from "./run/process-group.ts";
import { askSidecar } from "./run/sidecar-admin.ts";
import { dashboardUrlOf, findRunning } from "./up/control-plane-process.ts";
import { demoProblems, demoSummary, instanceTable, thingsToTry } from "./up/demo-report.ts";
import type { MeshFile } from "./up/mesh-file.ts";
import { parseRequestSeries, type RequestSeries, summarizeTraffic } from "./up/mesh-traffic.ts";
import type { PlannedInstance } from "./up/plan.ts";
import { readMeshFile } from "./up/read-mesh-file.ts";
import { type RunningApplication, runApplication } from "./up/run-application.ts";
import { findUp } from "./up/up-socket.ts";

export const command: Command = {
  name: "demo",
  summary: "Run a whole shop with a mesh on this machine",
  description: `Starts a control plane, a shop of eight services in JavaScript and Python, each with its sidecar, and customers. It is an ordinary application: demo/mesh.yaml in the package, which \`tulle up\` runs too. Open the shop in a browser, and try the commands that it prints in another terminal.

With --seconds it ends by itself with a summary, and with exit code 1 when a request failed, was not on mutual TLS, or when there was none. Its state is made anew for each run and removed at the end. Ports in use are avoided.`,
  examples: [
    { line: "tulle demo", summary: "Run it until Ctrl-C" },
    { line: "tulle demo --seconds 30", summary: "Run it for half a minute and judge it" },
    { line: "tulle demo --port 9000 --open", summary: "At another port, and open a browser" },
  ],
  options: [
    { name: "seconds", value: "N", summary: "End after N seconds of traffic, with a summary" },
    {
      name: "port",
      value: "PORT",
      default: "8080",
      summary: "Where the shop listens for browsers; the next free port when it is in use",
    },
    { name: "open", summary: "Open the shop in a browser" },
    { name: "keep", summary: "Use the state of the last run, and leave it for the next" },
  ],
  run,
};

const STOREFRONT = "storefront";
/** How many ports after the wanted one will do. */
const PORT_RANGE = 100;
/** How many demos may run on one machine. */
const DEMOS_MAX = 20;
const SECONDS_MAX = 7 * 24 * 3600;

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const path = join(PACKAGE_ROOT, "demo", "mesh.yaml");
  const port = input.integer("port", { min: 1, max: 65_535 });
  const seconds = input.isSet("seconds")
    ? input.integer("seconds", { min: 1, max: SECONDS_MAX })
    : undefined;
  const file = withPort(await readMeshFile(path, "demo/mesh.yaml"), port);
  const { mesh, stateFolder } = await chooseMesh(context, file.mesh);
  if (!input.isSet("keep")) await rm(stateFolder, { recursive: true, force: true });
  const visit = new DemoVisit(context, { seconds, isOpen: input.isSet("open") });
  try {
    const result = await runApplication(context, {
      file: { ...file, mesh },
      path,
      folder: join(PACKAGE_ROOT, "demo"),
      hooks: {
        onReady: (running) => visit.ready(running),
        onEvent: (planned, event) => visit.event(planned, event),
        onControlPlaneEnded: (status) => visit.incident("the control plane", status),
        onAppStopped: (planned, address) => visit.measure(planned, address),
        isQuietAboutApps: false,
      },
    });
    return visit.end(result.hasFailed);
  } finally {
    if (!input.isSet("keep")) await rm(stateFolder, { recursive: true, force: true });
  }
}

/** The storefront listens for browsers: at the wanted port, or at the next free one. */
function withPort(file: MeshFile, port: number): MeshFile {
  const last = Math.min(65_535, port + PORT_RANGE - 1);
  const parsed = parsePortSpec(`${port}-${last}`);
  if (!parsed.ok) throw failedError(`--port: ${parsed.message}`);
  const services = file.services.map((service) =>
    service.key === STOREFRONT ? { ...service, ports: [parsed.spec] } : service,
  );
  return { ...file, services };
}

/** `demo`, or `demo-2` and so on when one runs already. */
async function chooseMesh(
  context: CliContext,
  wanted: string,
): Promise<{ readonly mesh: string; readonly stateFolder: string }> {
  const base = context.globals.mesh ?? wanted;
  for (let number = 1; number <= DEMOS_MAX; number++) {
    const mesh = number === 1 ? base : `${base}-${number}`;
    const stateFolder = join(tulleHome(context.env), mesh);
    const isTaken =
      (await findUp(stateFolder)) !== undefined || (await findRunning(stateFolder)) !== undefined;
    if (!isTaken) return { mesh, stateFolder };
  }
  throw failedError(`${DEMOS_MAX} demos run already`, "stop one with `tulle down --mesh demo`");
}

/** One run of the demo: what happened, and what the sidecars counted. */
class DemoVisit {
  readonly #context: CliContext;
  readonly #options: { readonly seconds: number | undefined; readonly isOpen: boolean };
  readonly #series: RequestSeries[] = [];
  readonly #incidents: string[] = [];
  #readyMs: number | undefined;
  #stoppingMs: number | undefined;

  constructor(
    context: CliContext,
    options: { readonly seconds: number | undefined; readonly isOpen: boolean },
  ) {
    this.#context = context;
    this.#options = options;
  }

  ready(running: RunningApplication): void {
    this.#readyMs = this.#context.clock.monotonicMs();
    void this.#show(running);
    const { seconds, isOpen } = this.#options;
    if (seconds !== undefined) {
      // Not the clock's timer: the process must live until then.
      setTimeout(() => running.stop(), seconds * 1000);
    }
    if (isOpen) openBrowser(shopUrl(running.planned));
  }

  event({ label }: PlannedInstance, event: InstanceEvent): void {
    if (event.kind === "app-ended") {
      this.incident(label, event.status);
    } else if (event.kind === "sidecar-ended") {
      this.incident(`the sidecar of ${label}`, event.status);
    } else if (event.kind === "app-stopped" && !isCleanEnd(event)) {
      this.#incidents.push(`${label} ${describeStatus(event.status)} when it was stopped`);
    } else if (event.kind === "draining") {
      this.#stoppingMs ??= this.#context.clock.monotonicMs();
    }
  }

  /** Something died that should have lived. */
  incident(what: string, status: ExitStatus): void {
    this.#incidents.push(`${what} ${describeStatus(status)}`);
  }

  async measure({ label }: PlannedInstance, address: string): Promise<void> {
    const answer = await askSidecar(address, "GET", "/metrics");
    if (answer?.status === 200) this.#series.push(...parseRequestSeries(answer.text));
    else this.#incidents.push(`the metrics of the sidecar of ${label} cannot be read`);
  }

  /** The exit code. The summary is for runs that end by themselves. */
  end(hasFailed: boolean): number {
    const { stdout, clock } = this.#context;
    if (this.#options.seconds === undefined) return hasFailed ? EXIT_FINDINGS : EXIT_OK;
    const endMs = this.#stoppingMs ?? clock.monotonicMs();
    const outcome = {
      traffic: summarizeTraffic(this.#series),
      seconds: (endMs - (this.#readyMs ?? endMs)) / 1000,
      incidents: this.#incidents,
    };
    stdout.write(demoSummary(outcome, stdout));
    return hasFailed || demoProblems(outcome).length > 0 ? EXIT_FINDINGS : EXIT_OK;
  }

  async #show(running: RunningApplication): Promise<void> {
    const { planned, addressOf, controlPlane, stateFolder } = running;
    const { stdout, env } = this.#context;
    const { bold } = stdout.style;
    const only = await findControlPlane({ mesh: undefined, env, isAlive: isProcessAlive }).then(
      () => true,
      () => false,
    );
    const tulle = await ownName(env, this.#context.cwd);
    const folder = relative(this.#context.cwd, join(PACKAGE_ROOT, "demo"));
    const suffix = only ? "" : ` --mesh ${controlPlane.mesh}`;
    stdout.write(
      [
        `\n${instanceTable(planned, addressOf, stdout)}\n`,
        `The shop is open at ${bold(shopUrl(planned))}\n`,
        `Its dashboard is at ${bold((await dashboardUrlOf(stateFolder)) ?? "")}\n\n`,
        "Try in another terminal:\n",
        thingsToTry(planned, { tulle, suffix, folder: folder === "" ? "." : folder }),
        "\n",
      ].join(""),
    );
  }
}

function isCleanEnd(event: InstanceEvent & { readonly kind: "app-stopped" }): boolean {
  return event.status.kind === "exited" && event.status.code === 0;
}

function shopUrl(planned: readonly PlannedInstance[]): string {
  const storefront = planned.find(({ service }) => service.key === STOREFRONT);
  return `http://${APP_HOST}:${storefront?.spec.ports[0]?.port ?? 0}/`;
}

/** `tulle` when the shell finds it, else the path to it from here. */
async function ownName(env: CliContext["env"], cwd: string): Promise<string> {
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    const isHere = await access(join(folder, "tulle"), constants.X_OK).then(
      () => folder !== "",
      () => false,
    );
    if (isHere) return "tulle";
  }
  return relative(cwd, join(PACKAGE_ROOT, "bin", "tulle"));
}
