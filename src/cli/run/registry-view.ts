/** What the control plane's registry says of instances, asked by many waiters with one request at a time. */
import type { InstancesResponse, InstanceView } from "../../control-plane/api-types.ts";
import type { AdminClient } from "../admin-client.ts";
import { waitUntil } from "./wait-until.ts";

export class RegistryView {
  readonly #admin: AdminClient;
  #inFlight: Promise<InstancesResponse | undefined> | undefined;

  constructor(admin: AdminClient) {
    this.#admin = admin;
  }

  /** True once other proxies send the instance traffic, false when `signal` aborts first. */
  async waitServing(namespace: string, name: string, signal: AbortSignal): Promise<boolean> {
    const answer = await waitUntil(
      async () => (find(await this.#list(), namespace, name)?.serving === true ? true : undefined),
      signal,
    );
    return answer === true;
  }

  /**
   * Waits until no proxy sends the instance traffic any more: it does not serve, and every proxy has
   * acknowledged that. Gives up when `signal` aborts or the control plane does not answer.
   */
  async waitGone(namespace: string, name: string, signal: AbortSignal): Promise<void> {
    const revision = await waitUntil(async () => {
      const list = await this.#list();
      if (list === undefined) return "unknown";
      return find(list, namespace, name)?.serving === true ? undefined : list.revision;
    }, signal);
    if (typeof revision !== "number") return;
    await this.#admin.revision(revision, 1, { signal }).catch(() => undefined);
  }

  #list(): Promise<InstancesResponse | undefined> {
    this.#inFlight ??= this.#admin
      .instances()
      .catch(() => undefined)
      .finally(() => {
        this.#inFlight = undefined;
      });
    return this.#inFlight;
  }
}

function find(
  list: InstancesResponse | undefined,
  namespace: string,
  name: string,
): InstanceView | undefined {
  return list?.instances.find((entry) => entry.name === name && entry.namespace === namespace);
}
