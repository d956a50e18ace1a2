/** What the control plane's registry says of instances, asked by many waiters with one request at a time. */
import type { InstancesResponse, InstanceView } from "../../control-plane/api-types.ts";
import type { AdminClient } from "../admin-client.ts";
import { waitUntil } from "./wait-until.ts";

/** A proxy that does not acknowledge must not hold up all others. */
const ACKNOWLEDGE_SECONDS_MAX = 1;

export class RegistryView {
  readonly #admin: AdminClient;
  #inFlight: Promise<InstancesResponse | undefined> | undefined;

  constructor(admin: AdminClient) {
    this.#admin = admin;
  }

  /**
   * True once every proxy has been told to send the instance traffic, false when `signal` aborts first. A
   * caller that starts now is served.
   */
  async waitServing(namespace: string, name: string, signal: AbortSignal): Promise<boolean> {
    const answer = await waitUntil(
      async () => (find(await this.#list(), namespace, name)?.serving === true ? true : undefined),
      signal,
    );
    if (answer === true) await this.#waitAcknowledged(signal);
    return answer === true;
  }

  /**
   * True once no proxy sends the instance traffic any more: it does not serve, and every proxy has
   * acknowledged that. False when `signal` aborts first or the control plane does not answer.
   */
  async waitGone(namespace: string, name: string, signal: AbortSignal): Promise<boolean> {
    const answer = await waitUntil(async () => {
      const list = await this.#list();
      if (list === undefined) return "unknown";
      return find(list, namespace, name)?.serving === true ? undefined : "gone";
    }, signal);
    return answer === "gone" && (await this.#waitAcknowledged(signal));
  }

  /**
   * Every proxy has what the control plane knew at this moment. The store's revision is asked for: it counts what
   * the registry has written down, while the translated one may still be from before.
   */
  async #waitAcknowledged(signal: AbortSignal): Promise<boolean> {
    try {
      const { revision } = await this.#admin.version({ signal });
      const answer = await this.#admin.revision(revision, ACKNOWLEDGE_SECONDS_MAX, { signal });
      return answer.done;
    } catch {
      // It is gone, or `signal` has aborted. Whoever waits goes on with what is known.
      return false;
    }
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
