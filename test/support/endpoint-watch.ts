/**
 * What a sidecar knows of the instances of catalog, asked of its admin port again and again: it is the only
 * place that tells to which instance requests still go, whether they arrive or not.
 */
import { setTimeout as delay } from "node:timers/promises";

/** One instance, as the sidecar sees it. */
export interface EndpointState {
  /** `host:port` of its inbound listener. */
  readonly address: string;
  readonly isHealthy: boolean;
  /** Requests that were sent to it, and connections to it, at this moment. */
  readonly requests: number;
  readonly connections: number;
}

export interface EndpointSample {
  /** Milliseconds of `Date.now` when the question was asked. */
  readonly atMs: number;
  readonly endpoints: readonly EndpointState[];
}

const CLUSTER = /^outbound\|80\|\|catalog\.default\./;
const INTERVAL_MS = 20;

interface ClustersPage {
  readonly cluster_statuses: readonly {
    readonly name: string;
    readonly host_statuses: readonly {
      readonly address: {
        readonly socket_address: { readonly address: string; readonly port_value: number };
      };
      readonly health_status: { readonly eds_health_status: string };
      readonly stats: readonly { readonly name: string; readonly value: number }[];
    }[];
  }[];
}

export class EndpointWatch {
  readonly samples: EndpointSample[] = [];
  readonly #url: string;
  readonly #stop = new AbortController();
  readonly #waiters = new Set<{
    readonly fits: (sample: EndpointSample) => boolean;
    readonly resolve: (sample: EndpointSample) => void;
  }>();
  readonly #done: Promise<void>;

  private constructor(adminAddress: string) {
    this.#url = `http://${adminAddress}/clusters?format=json`;
    this.#done = this.#run();
  }

  /** Resolves when there is a first sample. */
  static async start(adminAddress: string): Promise<EndpointWatch> {
    const watch = new EndpointWatch(adminAddress);
    await watch.next(() => true);
    return watch;
  }

  /** Resolves with the next sample that fits. */
  next(fits: (sample: EndpointSample) => boolean): Promise<EndpointSample> {
    return new Promise((resolve) => {
      this.#waiters.add({ fits, resolve });
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const sample = await this.#ask();
      this.samples.push(sample);
      for (const waiter of this.#waiters) {
        if (!waiter.fits(sample)) continue;
        this.#waiters.delete(waiter);
        waiter.resolve(sample);
      }
      await delay(INTERVAL_MS);
    }
  }

  async #ask(): Promise<EndpointSample> {
    const atMs = Date.now();
    const answer = await fetch(this.#url);
    const page = (await answer.json()) as ClustersPage;
    const cluster = page.cluster_statuses.find(({ name }) => CLUSTER.test(name));
    const endpoints = (cluster?.host_statuses ?? []).map((host) => {
      const { address, port_value } = host.address.socket_address;
      const stat = (name: string): number =>
        host.stats.find((candidate) => candidate.name === name)?.value ?? 0;
      return {
        address: `${address}:${port_value}`,
        isHealthy: host.health_status.eds_health_status === "HEALTHY",
        requests: stat("rq_total"),
        connections: stat("cx_active"),
      };
    });
    return { atMs, endpoints };
  }
}

/** Whether a sidecar with this view sends requests to the instance. */
export function isUsed(sample: EndpointSample, address: string): boolean {
  return sample.endpoints.some((endpoint) => endpoint.address === address && endpoint.isHealthy);
}

/** How many instances requests may go to. */
export function usedCount(sample: EndpointSample): number {
  return sample.endpoints.filter(({ isHealthy }) => isHealthy).length;
}
