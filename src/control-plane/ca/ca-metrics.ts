/** The state of roots, certificates and revocations as metrics: what is about to expire, and who depends on what. */
import type { Clock } from "../../core/clock.ts";
import type { ExternalIssuerState } from "../../identity/issuers/issuer-state.ts";
import { LIFE_ALARMS } from "../../identity/life-alarms.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { IdentitySide } from "./identity-side.ts";
import { ROTATION_STEPS } from "./rotation-record.ts";

export function registerCaMetrics(
  registry: MetricRegistry,
  identity: IdentitySide,
  clock: Clock,
): void {
  const roots = registry.gauge(
    "tulle_root_expiry_timestamp_seconds",
    "When a root that is trusted expires, by root.",
  );
  const certificates = registry.gauge(
    "tulle_ca_certificates",
    "Certificates that are valid and in use, by root.",
  );
  const overdue = registry.gauge(
    "tulle_ca_certificates_overdue",
    "Certificates in use of whose life more is over than the percentage in the label: renewal is at 45 to 55.",
  );
  const revocations = registry.gauge(
    "tulle_ca_revocations",
    "What is revoked, by kind: identity, certificate.",
  );
  const steps = registry
    .gauge(
      "tulle_ca_rotation_steps_done",
      "Steps that the rotation under way has taken, of 5; -1 when there is none.",
    )
    .with({});
  const issuer = issuerMetrics(registry, identity.authority.external);
  let shown = new Set<string>();
  registry.onCollect(() => {
    const nowMs = clock.nowMs();
    const current = identity.issued.current();
    const ids = new Set(identity.authority.bundle.roots.map(rootIdOf));
    for (const id of shown) if (!ids.has(id)) roots.with({ root: id }).set(0);
    for (const root of identity.authority.bundle.roots) {
      roots.with({ root: rootIdOf(root) }).set(root.notAfterMs / 1000);
    }
    for (const id of new Set([...ids, ...shown])) {
      certificates.with({ root: id }).set(current.filter(({ rootId }) => rootId === id).length);
    }
    shown = ids;
    for (const part of LIFE_ALARMS) {
      const late = current.filter(
        ({ notBeforeMs, notAfterMs }) => nowMs > notBeforeMs + (notAfterMs - notBeforeMs) * part,
      );
      overdue.with({ percent: String(part * 100) }).set(late.length);
    }
    issuer(identity.authority.external);
    const { denied } = identity.policy;
    revocations.with({ kind: "identity" }).set(denied.spiffeIds.size);
    revocations.with({ kind: "certificate" }).set(denied.serials.size);
    const rotation = identity.controller.rotation;
    const isUnderWay = rotation?.state === "running" || rotation?.state === "paused";
    const done = rotation?.steps.filter(({ state }) => state === "done").length ?? 0;
    steps.set(isUnderWay ? Math.min(done, ROTATION_STEPS.length) : -1);
  });
}

/** The built-in authority shows as `tulle_issuer_info` alone. */
function issuerMetrics(
  registry: MetricRegistry,
  first: ExternalIssuerState | undefined,
): (state: ExternalIssuerState | undefined) => void {
  const info = registry.gauge(
    "tulle_issuer_info",
    "Who signs certificates; the value is 1 for the one that does.",
  );
  let kind = first?.kind ?? "built-in";
  info.with({ issuer: kind }).set(1);
  let external = first === undefined ? undefined : externalIssuerMetrics(registry);
  return (state) => {
    const kindNow = state?.kind ?? "built-in";
    if (kindNow !== kind) {
      info.with({ issuer: kind }).set(0);
      info.with({ issuer: kindNow }).set(1);
      kind = kindNow;
    }
    if (state === undefined) return;
    external ??= externalIssuerMetrics(registry);
    external(state);
  };
}

function externalIssuerMetrics(registry: MetricRegistry): (state: ExternalIssuerState) => void {
  const requests = registry.counter(
    "tulle_issuer_requests_total",
    "What was asked of the issuer, by result: signed, failed. Reloads that were refused count as failed.",
  );
  const signed = requests.with({ result: "signed" });
  const failed = requests.with({ result: "failed" });
  const failures = registry
    .gauge("tulle_issuer_consecutive_failures", "Failures of the issuer since its last success.")
    .with({});
  const expiry = registry
    .gauge(
      "tulle_issuer_expiry_timestamp_seconds",
      "When what the issuer signs with expires; 0 while that is not known.",
    )
    .with({});
  let counted = { place: "", signed: 0, failed: 0 };
  return ({ kind, place, signedCount, failureCount, consecutiveFailures, notAfterMs }) => {
    // Another issuer counts from nothing.
    const at = `${kind} ${place}`;
    const from = counted.place === at ? counted : { signed: 0, failed: 0 };
    signed.add(signedCount - from.signed);
    failed.add(failureCount - from.failed);
    counted = { place: at, signed: signedCount, failed: failureCount };
    failures.set(consecutiveFailures);
    expiry.set((notAfterMs ?? 0) / 1000);
  };
}
