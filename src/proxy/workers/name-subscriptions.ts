/** What a worker would subscribe to if it had the stream to the control plane: names by type. */
import { ENDPOINT_TYPE_URL, ROUTE_TYPE_URL, SECRET_TYPE_URL } from "../../xds/type-urls.ts";
import type { Subscriptions } from "../dynamic-resources.ts";
import type { WantedNames } from "./calls.ts";

export class NameSubscriptions implements Subscriptions {
  readonly #names = new Map<string, Set<string>>(
    [ENDPOINT_TYPE_URL, SECRET_TYPE_URL, ROUTE_TYPE_URL].map((typeUrl) => [typeUrl, new Set()]),
  );

  /** Wildcards are the same for all proxies, and left out. */
  subscribe(typeUrl: string, names: readonly string[] | "*"): void {
    if (names === "*") return;
    for (const name of names) this.#names.get(typeUrl)?.add(name);
  }

  unsubscribe(typeUrl: string, names: readonly string[]): void {
    for (const name of names) this.#names.get(typeUrl)?.delete(name);
  }

  /** In the order in which it is to be asked for. Types with nothing in them included. */
  wanted(): WantedNames {
    return new Map([...this.#names].map(([typeUrl, names]) => [typeUrl, [...names]]));
  }
}
