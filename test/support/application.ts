/**
 * A whole mesh for the acceptance tests: the real `tulle up` on a mesh.yaml of the test's own, in a home of its own,
 * with what the tests need to judge it: the apps' journals, the client's endpoints, the admin API, and the
 * processes of each instance, so that they can be killed.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type AdminClient, createAdminClient } from "../../src/cli/admin-client.ts";
import type { ControlPlaneFile, InstanceView } from "../../src/control-plane/api-types.ts";
import { type Ending, TulleHome, type TulleProcess } from "../e2e/tulle-process.ts";
import { EndpointWatch } from "./endpoint-watch.ts";
import { type JournalEntry, readJournals } from "./journal.ts";
import { LoadClient } from "./load-client.ts";

const APPS = join(import.meta.dirname, "..", "acceptance", "apps");
const MESH = "acceptance";
const POLL_MS = 20;
const EVENTUALLY_MS_MAX = 120_000;

export interface ApplicationOptions {
  /** How many instances of each version of catalog `tulle up` runs. */
  readonly catalog: Readonly<Record<string, number>>;
  /** Further entries of mesh.yaml. */
  readonly more?: Readonly<Record<string, object>>;
  /** Objects to apply beside a plain Service for catalog. */
  readonly resources?: readonly object[];
  /** Start the control plane apart from `tulle up`, so that nobody starts it again when it is killed. */
  readonly keepsControlPlaneApart?: boolean;
  /** Further words of the command that starts it, which keeps it apart, too. */
  readonly controlPlane?: readonly string[];
}

export class Application {
  readonly home: TulleHome;
  readonly admin: AdminClient;
  readonly client: LoadClient;
  readonly up: TulleProcess;
  /** Undefined when `tulle up` started it. */
  controlPlane: TulleProcess | undefined;
  readonly #watches: EndpointWatch[] = [];

  private constructor(parts: {
    readonly home: TulleHome;
    readonly admin: AdminClient;
    readonly client: LoadClient;
    readonly up: TulleProcess;
    readonly controlPlane: TulleProcess | undefined;
  }) {
    this.home = parts.home;
    this.admin = parts.admin;
    this.client = parts.client;
    this.up = parts.up;
    this.controlPlane = parts.controlPlane;
  }

  /** Resolves when everything is ready. */
  static async start(options: ApplicationOptions): Promise<Application> {
    const home = await TulleHome.create();
    try {
      return await Application.#startIn(home, options);
    } catch (error) {
      await home.remove();
      throw error;
    }
  }

  static async #startIn(home: TulleHome, options: ApplicationOptions): Promise<Application> {
    await writeFiles(home, options);
    const { keepsControlPlaneApart = false, controlPlane: words = [] } = options;
    const controlPlane =
      keepsControlPlaneApart || words.length > 0
        ? home.start(["control-plane", "--mesh", MESH, ...ANYWHERE, ...words])
        : undefined;
    await controlPlane?.waitFor(/ready/);
    const up = home.start(["up"]);
    const [, host = "", port = ""] = await up.waitFor(/catalog at (\S+):(\d+)/);
    await up.waitFor(/everything is ready/);
    const { adminSocket } = controlPlaneFile(home);
    const admin = createAdminClient({ kind: "unix", path: adminSocket });
    const client = new LoadClient({ host, port: Number(port) });
    return new Application({ home, admin, client, up, controlPlane });
  }

  /** Ends everything, also after a failed test. */
  async close(): Promise<void> {
    this.client.close();
    await Promise.all(this.#watches.map((watch) => watch.stop()));
    await this.home.remove();
  }

  /** Starts the control plane again where the one before was: what a killed one has left says where. Resolves when it answers. */
  async restartControlPlane(before = this.controlPlaneFile()): Promise<void> {
    const { xdsAddress, adminUrl } = before;
    const addresses = ["--xds-address", xdsAddress, "--admin-address", new URL(adminUrl).host];
    this.controlPlane = this.home.start(["control-plane", "--mesh", MESH, ...addresses]);
    await this.controlPlane.waitFor(/ready/);
  }

  controlPlanePid(): number {
    return controlPlaneFile(this.home).pid;
  }

  controlPlaneFile(): ControlPlaneFile {
    return controlPlaneFile(this.home);
  }

  /** A command of the CLI, and how it ended. */
  tulle(words: readonly string[]): Promise<Ending> {
    return this.home.start(words).ended;
  }

  /** One more instance of catalog, by `tulle run`. Resolves when others send it traffic. */
  async runCatalog(name: string, version = "v1"): Promise<TulleProcess> {
    const options = ["--service", "catalog", "--name", name, "--labels", `version=${version}`];
    const run = this.home.start(["run", ...options, "--port", "auto", "--", ...CATALOG_COMMAND], {
      env: catalogEnvironment(this.home, version),
    });
    await run.waitFor(new RegExp(`${name} serves catalog`));
    return run;
  }

  /** Applies and waits until every proxy has acknowledged. */
  async apply(...objects: readonly object[]): Promise<number> {
    const text = objects.map((object) => JSON.stringify(object)).join("\n---\n");
    const { revision } = await this.admin.apply({ files: [{ name: "test", text }] });
    const answer = await this.admin.revision(revision, 30);
    assert.ok(answer.done, JSON.stringify(answer));
    return revision;
  }

  async catalogInstances(): Promise<readonly InstanceView[]> {
    const { instances } = await this.admin.instances();
    return instances.filter(({ service }) => service === "catalog");
  }

  /** What the sidecar of the client thinks of the instances of catalog, from now on. */
  async watchEndpoints(): Promise<EndpointWatch> {
    const { proxies } = await this.admin.proxies();
    const client = proxies.find(({ service }) => service === "client");
    assert.ok(client?.adminAddress, "the client's sidecar is connected");
    const watch = await EndpointWatch.start(client.adminAddress);
    this.#watches.push(watch);
    return watch;
  }

  /** The instance's app answers 503 from now on, or is well again. Returns when that was. */
  setFailing(instance: string, isFailing: boolean): number {
    return this.#setMark(`failing-${instance}`, isFailing);
  }

  /** The instance's app takes 20 times as long for each answer from now on, or as long as it should again. */
  setSlow(instance: string, isSlow: boolean): number {
    return this.#setMark(`slow-${instance}`, isSlow);
  }

  journal(): Promise<readonly JournalEntry[]> {
    return readJournals(journalFolder(this.home));
  }

  /** Processes of one instance's app, whatever it started itself included. */
  appPids(instance: string): readonly number[] {
    return this.#pids((_, environment) => environment.includes(`TULLE_INSTANCE=${instance}`));
  }

  sidecarPids(instance: string): readonly number[] {
    return this.#pids((command) => command.includes(`run/${instance}/bootstrap.json`));
  }

  /** The `tulle run` that keeps an instance, launcher included. */
  runPids(instance: string): readonly number[] {
    return this.#pids((command) => command.includes(`--name ${instance} `));
  }

  /** The `tulle up`, launcher included. */
  upPids(): readonly number[] {
    return this.#pids((command) => command.endsWith("tulle up "));
  }

  #setMark(name: string, isSet: boolean): number {
    const file = join(this.home.path, name);
    if (isSet) writeFileSync(file, "");
    else rmSync(file);
    return Date.now();
  }

  #pids(fits: (command: string, environment: readonly string[]) => boolean): readonly number[] {
    return this.home.processes().flatMap(({ pid, command }) => {
      return fits(command, environmentOf(pid)) ? [pid] : [];
    });
  }
}

const ANYWHERE = ["--admin-address", "127.0.0.1:0", "--xds-address", "127.0.0.1:0"] as const;
const CATALOG_COMMAND = ["node", join(APPS, "catalog.mjs")] as const;

/**
 * Resolves with the first answer that is not undefined, and how long that took in milliseconds. Rejects after two
 * minutes, so that a story that goes wrong ends.
 */
export async function eventually<T>(
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<{ readonly value: T; readonly tookMs: number }> {
  const startMs = performance.now();
  for (;;) {
    const value = await ask();
    const tookMs = performance.now() - startMs;
    if (value !== undefined) return { value, tookMs };
    if (tookMs > EVENTUALLY_MS_MAX) throw new Error(`not after ${tookMs} ms: ${ask}`);
    await delay(POLL_MS);
  }
}

/** SIGKILL to all of them, one right after the other. Returns when that was. */
export function killAll(pids: readonly number[]): number {
  for (const pid of pids) process.kill(pid, "SIGKILL");
  return Date.now();
}

/** The Gateway API route that divides the requests for catalog. */
export function splitRoute(v1: number, v2: number): object {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [
        {
          backendRefs: [
            { name: "catalog-v1", port: 80, weight: v1 },
            { name: "catalog-v2", port: 80, weight: v2 },
          ],
        },
      ],
    },
  };
}

async function writeFiles(home: TulleHome, options: ApplicationOptions): Promise<void> {
  const { more = {}, resources = [] } = options;
  const versions = Object.entries(options.catalog).map(([version, replicas]) => {
    const entry = {
      service: "catalog",
      command: CATALOG_COMMAND,
      port: "auto",
      labels: { version },
      replicas,
      env: catalogEnvironment(home, version),
    };
    return [`catalog-${version}`, entry] as const;
  });
  const client = {
    command: ["node", join(APPS, "client.mjs")],
    dependsOn: versions.map(([name]) => name),
  };
  const meshFile = { mesh: MESH, services: { ...Object.fromEntries(versions), client, ...more } };
  await mkdir(journalFolder(home));
  await mkdir(join(home.path, "resources"));
  await writeFile(join(home.path, "mesh.yaml"), JSON.stringify(meshFile));
  const text = [CATALOG_SERVICE, ...resources].map((object) => JSON.stringify(object));
  await writeFile(join(home.path, "resources", "all.yaml"), text.join("\n---\n"));
}

const CATALOG_SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "catalog" },
  spec: { selector: { app: "catalog" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
};

function catalogEnvironment(home: TulleHome, version: string): Readonly<Record<string, string>> {
  return { APP_VERSION: version, JOURNAL_FOLDER: journalFolder(home) };
}

function journalFolder(home: TulleHome): string {
  return join(home.path, "journal");
}

function controlPlaneFile(home: TulleHome): ControlPlaneFile {
  return JSON.parse(readFileSync(join(home.path, MESH, "control-plane.json"), "utf8"));
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}
