/** Collects findings while translation goes on, each once, in an order that does not depend on the input's. */
import { formatKey, type ObjectKey } from "../resource/object.ts";
import { compareText } from "./names.ts";
import type { Finding, FindingCode } from "./translation.ts";

const SEVERITY: Readonly<Record<FindingCode, Finding["severity"]>> = {
  "backend-not-found": "error",
  "no-backend": "error",
  "parent-not-found": "error",
  "field-ignored": "warning",
  "field-unsupported": "error",
  "keys-missing": "error",
  "keys-pending": "info",
  "keys-stale": "warning",
  "keys-unusable": "warning",
  "bundle-missing": "error",
  "bundle-pending": "info",
  "bundle-stale": "warning",
  "bundle-unusable": "warning",
  "protocol-unsupported": "warning",
  "protocol-mismatch": "warning",
  "route-kind-conflict": "error",
  "route-kind-contested": "warning",
  "route-shadowed": "warning",
  "route-not-allowed": "error",
  "hostname-mismatch": "error",
  "gateway-class-unknown": "warning",
  "name-conflict": "error",
  "listener-conflict": "error",
  "instance-unnamed": "warning",
  "address-exhausted": "error",
  "policy-conflict": "warning",
  "policy-expired": "warning",
  "target-not-found": "warning",
  "endpoints-held": "warning",
  "endpoint-conflict": "warning",
  "endpoint-plaintext": "warning",
};

/** Where in an object a finding lies. */
export interface FindingPlace {
  readonly object: ObjectKey;
  /** `spec.rules[0]`; empty for the object as a whole. */
  readonly path: string;
}

export class Findings {
  readonly #byIdentity = new Map<string, Finding>();

  constructor(earlier: readonly Finding[] = []) {
    for (const finding of earlier) this.#keep(finding);
  }

  /** Rules are translated once per port that they attach to; the same finding is kept once. */
  add(code: FindingCode, place: FindingPlace, message: string): void {
    const { object, path } = place;
    const finding: Finding = { code, severity: SEVERITY[code], object, path, message };
    this.#keep(finding);
  }

  /** Ordered by object, path and code. */
  list(): readonly Finding[] {
    return [...this.#byIdentity.entries()]
      .sort(([a], [b]) => compareText(a, b))
      .map(([, finding]) => finding);
  }

  #keep(finding: Finding): void {
    const { object, path, code, message } = finding;
    this.#byIdentity.set([formatKey(object), path, code, message].join("\n"), finding);
  }
}

/** A place within the object that `place` is in: `within(rule, ".filters[0]")`. */
export function within(place: FindingPlace, suffix: string): FindingPlace {
  return { object: place.object, path: `${place.path}${suffix}` };
}
