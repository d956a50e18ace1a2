/**
 * What the processes of gateways have bound, asked at their admin ports every second as long as any gateway is connected: a
 * Gateway is Programmed when its ports are open, not when somebody has been told to open them.
 */
import type { Clock, Timer } from "../core/clock.ts";
import type { ProxyDirectory, ProxyEntry } from "./proxy-directory.ts";
import { fetchText } from "./rollout/bounded-fetch.ts";
import { isReadable } from "./rollout/sidecar-scraper.ts";

const TICK_MS = 1_000;
const TIMEOUT_MS = 2_000;
/** Processes of gateways that are asked. */
const PROXIES_MAX = 64;
const ANSWER_BYTES_MAX = 1024 * 1024;

/** What one process says of its listeners: by port, that it is bound or why it is not. */
type BoundPorts = ReadonlyMap<number, BoundPort>;

export interface BoundPort {
  readonly isBound: boolean;
  /** Why it is not; "" where it is. */
  readonly reason: string;
}

/** What is known of one Gateway. */
export interface GatewayProcesses {
  /** One of its proxies is connected. */
  readonly isRunning: boolean;
  /** Why a port is not open everywhere, or undefined when it is as far as can be known. */
  readonly portProblem: (port: number) => string | undefined;
}

export interface GatewayListenersOptions {
  readonly proxies: Pick<ProxyDirectory, "connected">;
  /** Something is known that was not. */
  readonly onChanged: () => void;
  readonly clock: Clock;
}

interface ListenerAnswer {
  readonly listener_statuses?: readonly { readonly name?: string }[];
  readonly failed_listeners?: readonly { readonly name?: string; readonly reason?: string }[];
}

/** As translation names the listeners of gateways. */
const NAME_FORM = /^gateway\|(\d+)$/;

export class GatewayListeners {
  readonly #options: GatewayListenersOptions;
  readonly #stopping = new AbortController();
  /** By proxy key. */
  #known: ReadonlyMap<string, BoundPorts> = new Map();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: GatewayListenersOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.schedule(TICK_MS, () => {
      this.#looking = this.#look().finally(() => {
        if (!this.#stopping.signal.aborted) this.start();
      });
    });
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopping.abort();
    await this.#looking;
  }

  /** `gateway` is `namespace/name`. */
  processesOf(gateway: string): GatewayProcesses {
    const own = this.#gateways().filter(
      ({ node: { scope } }) => `${scope.namespace}/${scope.gateway}` === gateway,
    );
    return {
      isRunning: own.length > 0,
      portProblem: (port) => {
        for (const entry of own) {
          // A real Envoy, or a process on another machine: what it acknowledged is all that is known.
          if (!isReadable(entry)) continue;
          const bound = this.#known.get(entry.key)?.get(port);
          if (bound?.isBound === true) continue;
          const who = entry.node.scope.nodeId;
          return bound === undefined
            ? `${who} has not opened port ${port} yet`
            : `${who} cannot open port ${port}: ${bound.reason}`;
        }
        return undefined;
      },
    };
  }

  #gateways(): readonly ProxyEntry[] {
    return this.#options.proxies
      .connected()
      .filter(({ node: { scope } }) => scope.gateway !== undefined);
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const entries = this.#gateways().filter(isReadable).slice(0, PROXIES_MAX);
    const answers = await Promise.all(
      entries.map(async (entry) => {
        const url = new URL(`http://${entry.node.adminAddress}/listeners?format=json`);
        const { signal } = this.#stopping;
        const bounds = { timeoutMs: TIMEOUT_MS, sizeBytesMax: ANSWER_BYTES_MAX, signal };
        try {
          return [entry.key, boundPortsOf(await fetchText(url, bounds))] as const;
        } catch {
          // It is busy or about to end: what it said last holds until it answers or is gone.
          return [entry.key, this.#known.get(entry.key) ?? new Map()] as const;
        }
      }),
    );
    const next = new Map(answers);
    const isSame = textOf(next) === textOf(this.#known);
    this.#known = next;
    if (!isSame && !this.#stopping.signal.aborted) this.#options.onChanged();
  }
}

function boundPortsOf(text: string): BoundPorts {
  const { listener_statuses: bound = [], failed_listeners: failed = [] } = JSON.parse(
    text,
  ) as ListenerAnswer;
  const ports = new Map<number, BoundPort>();
  const add = (name: string | undefined, value: BoundPort): void => {
    const port = NAME_FORM.exec(name ?? "")?.[1];
    if (port !== undefined) ports.set(Number(port), value);
  };
  for (const { name } of bound) add(name, { isBound: true, reason: "" });
  for (const { name, reason = "" } of failed) add(name, { isBound: false, reason });
  return ports;
}

function textOf(known: ReadonlyMap<string, BoundPorts>): string {
  return JSON.stringify([...known].map(([key, ports]) => [key, ...ports]));
}
