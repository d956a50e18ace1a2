/**
 * One resource type on one stream: what the client wants, what it is believed to have, what it is owed and
 * the one response that it has not answered yet.
 */
import { Refusals, suspects } from "./refusals.ts";
import type { EncodedResource, ResourceMap } from "./snapshot.ts";
import { Subscription, type SubscriptionChange } from "./subscription.ts";
import { ENDPOINT_TYPE_URL } from "./type-urls.ts";

export interface KnownResource {
  readonly version: string;
  /** False when the client may or may not have this version: it is sent again at the next chance. */
  readonly certain: boolean;
  /** What was sent on this stream; undefined when only the version is known, from the client. */
  readonly resource?: EncodedResource;
}

export interface InFlightResponse {
  readonly nonce: string;
  readonly version: string;
  readonly revision: number;
  readonly resources: ReadonlyMap<string, EncodedResource>;
  /** The part of `resources` that is news to the client. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** The version of an assignment without endpoints that stands for one that does not exist. */
export const EMPTY_ASSIGNMENT_VERSION = "empty";

/** Stands for the version of a removal in the refusals. */
export const REMOVAL_VERSION = "removed";

export class TypeState {
  readonly typeUrl: string;
  readonly subscription: Subscription;
  readonly known = new Map<string, KnownResource>();
  readonly refusals = new Refusals();
  /** Names to be sent even when the client is believed to have them. */
  readonly owed = new Set<string>();
  /** Names that a cluster waits for; listeners and routes wait for these in turn. */
  readonly warming = new Set<string>();
  /** The client waits for a response, if need be an empty one. */
  answerDue = false;
  /**
   * It may have resources from before this stream that it did not name, as in state-of-the-world. A full
   * response that it accepts ends that.
   */
  mayHaveOthers = false;
  inFlight: InFlightResponse | undefined;
  lastNonce = "";
  /** The maps that the client was found to have completely; anything that happens resets it. */
  cleanFor: readonly [round: ResourceMap, newest: ResourceMap] | undefined;

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
    this.subscription = new Subscription(typeUrl);
  }

  /** Names that the client asks for now are owed to it. */
  owe(names: Iterable<string>): void {
    for (const name of names) this.owed.add(name);
    this.cleanFor = undefined;
  }

  /** Everything that it has is to be sent again. */
  oweEverything(): void {
    for (const [name, known] of this.known) this.known.set(name, { ...known, certain: false });
    this.owe(this.subscription.names);
    this.answerDue = true;
  }

  /** What a client gave up it also forgets: it must be sent anew when it comes back for it. */
  forget(change: SubscriptionChange): void {
    for (const name of change.removed) {
      if (this.subscription.covers(name)) continue;
      this.#drop(name);
    }
    if (change.wildcardEnded) {
      for (const name of this.known.keys()) {
        if (!this.subscription.covers(name)) this.#drop(name);
      }
    }
    // A client without any subscription may not answer at all (Envoy drops what has no subscriber).
    if (this.subscription.isEmpty) {
      this.inFlight = undefined;
      this.answerDue = false;
      this.owed.clear();
      this.warming.clear();
    }
    this.cleanFor = undefined;
  }

  /** The response in flight was accepted. Returns it. `full` means that it listed everything. */
  acknowledge(full: boolean): InFlightResponse | undefined {
    const response = this.#settle();
    if (response === undefined) return undefined;
    if (full) {
      this.known.clear();
      this.mayHaveOthers = false;
    }
    for (const [name, resource] of response.resources) {
      this.refusals.accepted(name, resource.version);
      if (!this.subscription.covers(name)) continue;
      this.known.set(name, { version: resource.version, certain: true, resource });
    }
    for (const name of response.removed) {
      this.known.delete(name);
      this.refusals.delete(name);
      if (this.typeUrl !== ENDPOINT_TYPE_URL || !this.subscription.covers(name)) continue;
      // It stays subscribed and now has no endpoints: the same as having an empty assignment.
      this.known.set(name, { version: EMPTY_ASSIGNMENT_VERSION, certain: true });
    }
    return response;
  }

  /**
   * The response in flight was refused. Nobody knows which parts the client kept, so all that it changed is
   * uncertain; what the message names is held back for a while. Returns the response and those names.
   */
  refuse(
    message: string,
    nowMs: number,
  ): { readonly response: InFlightResponse; readonly names: readonly string[] } | undefined {
    const response = this.#settle();
    if (response === undefined) return undefined;
    const names = suspects(message, [...response.changed, ...response.removed]);
    for (const name of response.changed) {
      const known = this.known.get(name);
      if (known !== undefined) this.known.set(name, { ...known, certain: false });
    }
    for (const name of names) {
      const version = response.resources.get(name)?.version ?? REMOVAL_VERSION;
      this.refusals.add(name, version, nowMs);
    }
    return { response, names };
  }

  #settle(): InFlightResponse | undefined {
    const response = this.inFlight;
    if (response === undefined) return undefined;
    this.inFlight = undefined;
    this.cleanFor = undefined;
    for (const name of [...response.resources.keys(), ...response.removed]) {
      // What is owed again was owed after this response was sent: it does not warm the cluster.
      if (!this.owed.has(name)) this.warming.delete(name);
    }
    return response;
  }

  #drop(name: string): void {
    this.known.delete(name);
    this.owed.delete(name);
    this.warming.delete(name);
    this.refusals.delete(name);
  }
}
