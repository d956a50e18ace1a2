/**
 * The identity of a sidecar: the SPIFFE id that it asks its control plane for, which is what its node
 * says of itself, and the secrets that come of it.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import type { Cluster } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";
import { IDENTITY_POLICY_SECRET } from "../identity/identity-policy.ts";
import {
  type SpiffeId,
  type WorkloadIdentity,
  workloadIdentityFromSpiffeId,
  workloadSpiffeId,
} from "../identity/spiffe-id.ts";
import type { IdentityUpdate } from "../identity/svid.ts";
import { parseTrustBundlePem, TrustBundleSet } from "../identity/trust-bundle.ts";
import type { SecretStore } from "./secret-store.ts";

const DEFAULT_NAMESPACE = "default";
/** The secrets that the identity agent keeps: own certificate, and the roots of the own trust domain. */
const OWN_CERTIFICATE = "default";
export const TRUST_BUNDLE_SECRET = "ROOTCA";

/** Where the node names no service account, it has that of its service. */
export function ownIdentity(node: Node, trustDomain: string): WorkloadIdentity {
  return {
    trustDomain,
    namespace: textOf(node.metadata, "NAMESPACE") || DEFAULT_NAMESPACE,
    serviceAccount: textOf(node.metadata, "SERVICE_ACCOUNT") || node.cluster,
  };
}

export function ownSpiffeId(node: Node, trustDomain: string): SpiffeId {
  return workloadSpiffeId(ownIdentity(node, trustDomain));
}

/** "" where there is no such text. */
export function textOf(metadata: JsonObject | undefined, name: string): string {
  const value = metadata?.[name];
  return typeof value === "string" ? value : "";
}

/** For metrics and headers. With a plain channel to the control plane there is no identity: "". */
export function ownPrincipal(
  node: Node | undefined,
  channel: Cluster | undefined,
  trustDomain: string,
): string {
  const isSecure = node !== undefined && channel?.transportSocket !== undefined;
  return isSecure ? ownSpiffeId(node, trustDomain) : "";
}

/** The secrets that the identity agent keeps, and that SDS is not asked for. */
export function ownSecretNames(channel: Cluster): ReadonlySet<string> {
  return new Set(channel.transportSocket === undefined ? [] : [OWN_CERTIFICATE]);
}

/** The secrets that a process with an identity follows whatever its listeners and clusters name. */
export function followedSecretNames(channel: Cluster): readonly string[] {
  return channel.transportSocket === undefined ? [] : [TRUST_BUNDLE_SECRET, IDENTITY_POLICY_SECRET];
}

/** Until SDS brings the roots, those that came with the certificate are used. */
export function useIdentity(update: IdentityUpdate, secrets: SecretStore): void {
  const { certificateChainPem, privateKeyPem, trustBundlePem, spiffeId } = update;
  secrets.setCertificate(OWN_CERTIFICATE, {
    chainPem: certificateChainPem,
    keyPem: privateKeyPem,
  });
  const identity = workloadIdentityFromSpiffeId(spiffeId);
  if (identity === undefined || secrets.validation(TRUST_BUNDLE_SECRET) !== undefined) return;
  const bundle = parseTrustBundlePem(identity.trustDomain, trustBundlePem);
  secrets.setValidation(TRUST_BUNDLE_SECRET, { caPem: "", bundles: new TrustBundleSet([bundle]) });
}
