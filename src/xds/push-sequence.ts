/**
 * Make before break: in which order the types of one stream are sent. Clusters and right behind them what they
 * need; when all that is acknowledged listeners, then routes, then removals, the other way round. A step that
 * waits for an answer holds up the later ones and nothing else.
 */
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  PUSH_ORDER,
  ROUTE_TYPE_URL,
  SCOPED_ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
  VIRTUAL_HOST_TYPE_URL,
} from "./type-urls.ts";

export interface PushSteps {
  /** Sends what there is to send of the type; `removals` says whether resources may be taken away. */
  push(typeUrl: string, removals: "now" | "later"): void;
  /** Nothing of the type waits for an answer or for the transport. True for types nobody asked for. */
  isIdle(typeUrl: string): boolean;
  /** Endpoints or secrets that a cluster waits for are not acknowledged yet. */
  isWarming(): boolean;
  /** Types of the stream that have no place in the order. */
  unorderedTypes(): readonly string[];
  /**
   * False while the client may still use clusters that are gone: it has not come back for its listeners and
   * routes yet, or it refused new ones.
   */
  mayRemoveClusters(): boolean;
}

const ROUTE_TYPES = [SCOPED_ROUTE_TYPE_URL, ROUTE_TYPE_URL, VIRTUAL_HOST_TYPE_URL];
/** What names clusters. */
export const ROUTING_TYPES: readonly string[] = [LISTENER_TYPE_URL, ...ROUTE_TYPES];
/** What clusters wait for before they take traffic. */
export const CLUSTER_NEEDS: readonly string[] = [ENDPOINT_TYPE_URL, SECRET_TYPE_URL];

export function pushInOrder(steps: PushSteps): void {
  for (const typeUrl of steps.unorderedTypes()) steps.push(typeUrl, "now");

  // Endpoints must not wait for the acknowledgement of their clusters: Envoy withholds it until the clusters are
  // warm, and they get warm by their endpoints. The stream keeps the order.
  steps.push(CLUSTER_TYPE_URL, "later");
  for (const typeUrl of CLUSTER_NEEDS) steps.push(typeUrl, "later");
  if (!steps.isIdle(CLUSTER_TYPE_URL) || steps.isWarming()) return;

  // Envoy does not warm routes: one that names an unknown cluster answers 503 at once.
  steps.push(LISTENER_TYPE_URL, "now");
  if (!steps.isIdle(LISTENER_TYPE_URL)) return;
  for (const typeUrl of ROUTE_TYPES) steps.push(typeUrl, "now");
  if (!ROUTE_TYPES.every((typeUrl) => steps.isIdle(typeUrl))) return;

  if (!steps.mayRemoveClusters()) return;
  steps.push(CLUSTER_TYPE_URL, "now");
  if (!steps.isIdle(CLUSTER_TYPE_URL)) return;
  for (const typeUrl of CLUSTER_NEEDS) steps.push(typeUrl, "now");
}

/** Whether the type has no place in the order. */
export function isUnordered(typeUrl: string): boolean {
  return !PUSH_ORDER.includes(typeUrl);
}
