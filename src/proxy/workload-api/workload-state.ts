/** What a sidecar can say to its app about identity at one moment. */
import type { SpiffeBundle } from "../../decision/spiffe/bundle-document.ts";
import type { SpiffeId } from "../../identity/spiffe-id.ts";
import type { Svid } from "../../identity/svid.ts";

/** Bundles by trust domain. */
export type Bundles = ReadonlyMap<string, SpiffeBundle>;

export type WorkloadState =
  /** Neither given nor refused yet, or expired: asking again is worth it. */
  | { readonly kind: "unavailable"; readonly reason: string }
  /** The control plane has said no. */
  | { readonly kind: "denied"; readonly reason: string }
  | ReadyState;

export interface ReadyState {
  readonly kind: "ready";
  readonly spiffeId: SpiffeId;
  readonly trustDomain: string;
  /** With a key that was made for the app. */
  readonly svid: Svid;
  /** That of the own trust domain among them, always. */
  readonly bundles: Bundles;
}
