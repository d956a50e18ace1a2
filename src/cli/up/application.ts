/** All instances of one mesh.yaml as one thing: started as their dependencies allow, stopped in reverse. */
import type { Clock } from "../../core/clock.ts";
import type { Prng } from "../../core/prng.ts";
import { failedError } from "../errors.ts";
import { type ControlPlaneRef, runFolder } from "../run/control-plane-ref.ts";
import type { Guardian } from "../run/guardian.ts";
import { Instance, type InstanceEvent } from "../run/instance.ts";
import { readLines } from "../run/line-splitter.ts";
import { describeStatus } from "../run/process-group.ts";
import { RegistryView } from "../run/registry-view.ts";
import { stopOrder } from "./dependency-graph.ts";
import type { PlannedInstance } from "./plan.ts";

export interface ApplicationOptions {
  readonly planned: readonly PlannedInstance[];
  readonly controlPlane: ControlPlaneRef;
  readonly guardian: Guardian;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly onEvent: (planned: PlannedInstance, event: InstanceEvent) => void;
  /** A line that an app wrote. */
  readonly onOutput: (planned: PlannedInstance, line: string) => void;
  /** The app has ended for good and its sidecar still answers, at `address`. */
  readonly onAppStopped?: (planned: PlannedInstance, address: string) => Promise<void>;
}

interface Member {
  readonly planned: PlannedInstance;
  readonly instance: Instance;
  readonly started: Latch;
  readonly serving: Latch;
}

/** A promise that somebody else settles. A failure that nobody waits for is no unhandled rejection. */
interface Latch {
  readonly promise: Promise<void>;
  open(): void;
  fail(error: unknown): void;
}

export class Application {
  readonly #options: ApplicationOptions;
  readonly #members: readonly Member[];
  #stopped: Promise<void> | undefined;

  constructor(options: ApplicationOptions) {
    this.#options = options;
    const registry = new RegistryView(options.controlPlane.admin);
    this.#members = options.planned.map((planned) => ({
      planned,
      instance: this.#createInstance(planned, registry),
      started: createLatch(),
      serving: createLatch(),
    }));
  }

  /** Resolves when every instance serves. Throws what kept the first one from it; then stop it. */
  async start(): Promise<void> {
    const startOne = async (member: Member): Promise<void> => {
      try {
        // Dependencies are the app's: all sidecars start at once.
        await Promise.all([member.instance.prepare(), this.#waitForDependencies(member)]);
        if (this.#stopped === undefined) await this.#startApp(member);
        // Also after a stop: those who wait for this one must not wait for ever.
        member.started.open();
        member.serving.open();
      } catch (error) {
        member.started.fail(error);
        member.serving.fail(error);
        throw error;
      }
    };
    await Promise.all(this.#members.map(startOne));
  }

  /** Settles when every app has ended for good. */
  async finished(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.instance.finished));
  }

  /** Where the sidecar of an instance listens; undefined before it has an address. */
  addressOf(planned: PlannedInstance): string | undefined {
    return this.#members.find((member) => member.planned === planned)?.instance.address;
  }

  /** Stops everything, callers before what they call. Safe at any time and more than once. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const services = this.#options.planned.map(({ service }) => service);
    const graph = new Map(
      services.map(({ key, dependsOn }) => [key, dependsOn.map((wanted) => wanted.key)]),
    );
    const stops: Promise<unknown>[] = [];
    for (const group of stopOrder(graph)) {
      const members = this.#members.filter(({ planned }) => group.includes(planned.service.key));
      for (const { instance } of members) {
        const stop = instance.stop();
        // Waited for below; until then a failure is not yet anybody's.
        stop.catch(() => {});
        stops.push(stop);
      }
      // Only the apps have to be gone for the next ones to go; their sidecars may take their time.
      await Promise.all(members.map((member) => member.instance.finished));
    }
    await Promise.all(stops);
  }

  async #startApp(member: Member): Promise<void> {
    await member.instance.start();
    member.started.open();
    if (!(await member.instance.waitServing())) await this.#explainEnding(member);
  }

  async #waitForDependencies(member: Member): Promise<void> {
    for (const { key, until } of member.planned.service.dependsOn) {
      const wanted = this.#members.filter(({ planned }) => planned.service.key === key);
      await Promise.all(
        wanted.map((other) =>
          until === "started" ? other.started.promise : other.serving.promise,
        ),
      );
    }
  }

  /** Its app ended before it served: fine for a job that did its work, an error for anything else. */
  async #explainEnding({ planned, instance }: Member): Promise<void> {
    if (this.#stopped !== undefined) return;
    const status = await instance.finished;
    if (status.kind === "exited" && status.code === 0) return;
    throw failedError(
      `${planned.label} ${describeStatus(status)} before it was ready`,
      "its output is above",
    );
  }

  #createInstance(planned: PlannedInstance, registry: RegistryView): Instance {
    const { controlPlane, onAppStopped, onEvent, onOutput } = this.#options;
    const folder = runFolder(controlPlane, planned.spec.name);
    if (folder === undefined) throw failedError("this needs a control plane on this machine");
    return new Instance({
      ...this.#options,
      spec: planned.spec,
      registry,
      folder,
      joinFiles: undefined,
      restart: planned.service.restart,
      appStdio: ["ignore", "pipe", "pipe"],
      onAppProcess: ({ child }) => {
        readLines(child.stdout, (line) => onOutput(planned, line));
        readLines(child.stderr, (line) => onOutput(planned, line));
      },
      onEvent: (event) => onEvent(planned, event),
      onAppStopped: async (address) => {
        await onAppStopped?.(planned, address);
      },
    });
  }
}

function createLatch(): Latch {
  let open = (): void => {};
  let fail = (_: unknown): void => {};
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  promise.catch(() => {});
  return { promise, open, fail };
}
