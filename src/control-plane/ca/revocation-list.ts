/** What the Revocations of the mesh come to: identities, serial numbers, and instances by their certificates. Pure. */
import { canonicalSerial, type DenyList } from "../../identity/deny-list.ts";
import { parseSpiffeId, workloadIdentityFromSpiffeId } from "../../identity/spiffe-id.ts";
import type { Revocation } from "../../resource/kinds/revocation.ts";
import type { IssuedEntry } from "./issued-certificates.ts";

/** `issued`: certificates that are valid, replaced ones included. */
export function denyListOf(
  revocations: readonly Revocation[],
  issued: readonly IssuedEntry[],
): DenyList {
  const spiffeIds = new Set<string>();
  const serials = new Set<string>();
  for (const { spec } of revocations) {
    if (spec.spiffeId !== undefined) spiffeIds.add(spec.spiffeId);
    const serial = canonicalSerial(spec.serial ?? "");
    if (serial !== undefined) serials.add(serial);
    if (spec.instance === undefined) continue;
    for (const entry of issued) if (isOf(entry, spec.instance)) serials.add(entry.serialHex);
  }
  return { spiffeIds, serials };
}

/** Why a holder gets no certificate, as a sentence; undefined when it does. */
export function holderDenial(
  revocations: readonly Revocation[],
  holder: Pick<IssuedEntry, "spiffeId" | "instance">,
): string | undefined {
  for (const { metadata, spec } of revocations) {
    if (spec.spiffeId === holder.spiffeId) {
      return `the identity ${holder.spiffeId} is revoked (Revocation ${metadata.name})`;
    }
    if (spec.instance !== undefined && isOf(holder, spec.instance)) {
      return `the instance ${spec.instance.namespace}/${spec.instance.name} is revoked (Revocation ${metadata.name})`;
    }
  }
  return undefined;
}

function isOf(
  { spiffeId, instance }: Pick<IssuedEntry, "spiffeId" | "instance">,
  named: { readonly namespace: string; readonly name: string },
): boolean {
  if (instance !== named.name) return false;
  const parsed = parseSpiffeId(spiffeId);
  const identity = parsed.ok ? workloadIdentityFromSpiffeId(parsed.id) : undefined;
  return identity?.namespace === named.namespace;
}
