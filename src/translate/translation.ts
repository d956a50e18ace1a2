/** What translation gives back: named protobuf messages, and what it could not translate. */
import type { Message } from "@bufbuild/protobuf";
import type { ObjectKey } from "../resource/object.ts";

/**
 * One xDS resource. The same inputs give a message that encodes to the same bytes, so a cache may key
 * encoded bytes by the message's identity and versions by the bytes.
 */
export interface XdsResource {
  /** `type.googleapis.com/envoy.config.cluster.v3.Cluster`. */
  readonly typeUrl: string;
  /** Unique within its type for one proxy. */
  readonly name: string;
  readonly message: Message;
}

/** Everything one proxy needs. */
export interface Translation {
  readonly resources: readonly XdsResource[];
  readonly findings: readonly Finding[];
}

/**
 * The part that does not depend on who asks, made once per snapshot. Its messages are shared between
 * the translations of all proxies: nobody may change them.
 */
export interface SharedTranslation {
  readonly clusters: readonly XdsResource[];
  readonly endpoints: readonly XdsResource[];
  /**
   * By the callers' zone, the load assignments that differ from those: same name, other priorities and weights. A
   * zone that is not here sees what all see.
   */
  readonly zoneEndpoints: ReadonlyMap<string, readonly XdsResource[]>;
  readonly secrets: readonly XdsResource[];
  /** Route configurations as callers see them whose namespace has no consumer route. */
  readonly routes: readonly XdsResource[];
  /**
   * By the callers' namespace, the route configurations that its consumer routes replace (GEP-1426): same
   * name, other content.
   */
  readonly consumerRoutes: ReadonlyMap<string, readonly XdsResource[]>;
  readonly findings: readonly Finding[];
}

/** The part that only one proxy gets: its listeners, and the clusters of the app beside it. */
export interface ScopedTranslation {
  readonly listeners: readonly XdsResource[];
  readonly clusters: readonly XdsResource[];
  /** Route configurations that hold for this caller alone, in place of the shared ones of the same name. */
  readonly routes: readonly XdsResource[];
  readonly findings: readonly Finding[];
}

export type FindingCode =
  /** A backend names a Service, or a port of it, that does not exist. Its share of requests gets 500. */
  | "backend-not-found"
  /** A rule forwards nowhere: no backend, or weights that sum to zero. It answers 500. */
  | "no-backend"
  /** No listener of the Gateway allows routes of that kind or namespace. */
  | "route-not-allowed"
  /** No listener of the Gateway is for any of the route's hosts. */
  | "hostname-mismatch"
  /** A Gateway of a class that is not ours: it has no effect. */
  | "gateway-class-unknown"
  /** A parent names a Service, or a port of it, that does not exist. */
  | "parent-not-found"
  /** The field is valid but has no effect in a mesh, or in this version. */
  | "field-ignored"
  /** The field cannot be expressed; what depends on it answers 500 rather than doing something else. */
  | "field-unsupported"
  /** The keys of an issuer are not known: its tokens get 401. */
  | "keys-missing"
  /** They are on their way: the control plane has just been told of the issuer. */
  | "keys-pending"
  /** Keys that were fetched before are in use: they could not be fetched again. */
  | "keys-stale"
  /** A key of a set that is no good, and passed over. */
  | "keys-unusable"
  /** Nobody of a trust domain is trusted: there is no bundle of it, or one without roots. */
  | "bundle-missing"
  /** It is on its way: the control plane has just been told of the trust domain. */
  | "bundle-pending"
  /** A bundle that was fetched before is in use: it could not be fetched again. */
  | "bundle-stale"
  /** An entry of a bundle that is no good, and passed over. */
  | "bundle-unusable"
  /** The port speaks a protocol that is not routed yet; nothing is generated for it. */
  | "protocol-unsupported"
  /** A Service's port speaks HTTP, an instance's port behind it does not: the instance gets nothing. */
  | "protocol-mismatch"
  /** An HTTPRoute and a GRPCRoute on one port: only the older one's kind holds there. */
  | "route-kind-conflict"
  /** The other side of it, said to the older route. */
  | "route-kind-contested"
  /** No request reaches a match: one before it takes all of its requests. */
  | "route-shadowed"
  /** An ExternalService has the name of a Service, which goes before. */
  | "name-conflict"
  /** Two ports of one Service need the same outbound listener. */
  | "listener-conflict"
  /** A headless Service has more instances than get a name of their own, or one whose name is too long. */
  | "instance-unnamed"
  /** The proxy's loopback block has no room for the Service. */
  | "address-exhausted"
  /** A policy whose time is over: it has no effect any more. */
  | "policy-expired"
  /** A second policy for the same target; the older one counts. */
  | "policy-conflict"
  /** A policy names a target that does not exist. */
  | "target-not-found"
  /** All instances of a Service were lost at once: callers keep them. */
  | "endpoints-held"
  /** Two instances claim the same address and port; the first by name counts. */
  | "endpoint-conflict"
  /** An instance without a sidecar among others that have one. It is left out: a cluster is all TLS or all plain text. */
  | "endpoint-plaintext";

/** Something an author should know. Never a reason to take traffic down. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: "error" | "warning" | "info";
  /** What it is about. */
  readonly object: ObjectKey;
  /** `spec.rules[0].backendRefs[1]`; empty for the object as a whole. */
  readonly path: string;
  readonly message: string;
}
