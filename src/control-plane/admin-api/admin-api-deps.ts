/** What the routes of the admin API read and call. */
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Registry as KindRegistry } from "../../resource/registry.ts";
import type { Store } from "../../store/store.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { MeshSnapshot } from "../../translate/mesh-snapshot.ts";
import type { SharedTranslation } from "../../translate/translation.ts";
import type { AccessMetrics } from "../access/access-metrics.ts";
import type { AdminTokens } from "../access/admin-tokens.ts";
import type { Authenticator } from "../access/authenticator.ts";
import type { ClientLimits } from "../access/client-limits.ts";
import type { HealthResponse, JoinTokenRequest, JoinTokenResponse } from "../api-types.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import type { IdentitySide } from "../ca/identity-side.ts";
import type { KeySetKeeper } from "../jwks/key-set-keeper.ts";
import type { ObjectCache } from "../object-cache.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import type { Reconciler } from "../reconciler.ts";
import type { Registry } from "../registry.ts";
import type { RolloutController } from "../rollout/rollout-controller.ts";
import type { ServiceIndexes } from "../service-index.ts";
import type { ExporterSet } from "../telemetry/export/exporter-set.ts";
import type { TelemetryReader } from "../telemetry/telemetry-side.ts";

export interface AdminApiDeps {
  readonly store: Store;
  readonly objects: ObjectCache;
  readonly registry: Registry;
  readonly serviceIndexes: ServiceIndexes;
  readonly proxies: ProxyDirectory;
  readonly reconciler: Pick<Reconciler, "translatedRevision" | "report" | "snapshotOf">;
  /** Keys of issuers that were fetched. */
  readonly keySets: Pick<KeySetKeeper, "sets">;
  readonly kinds: KindRegistry;
  /** Translates without leaving a trace, to judge what an apply would do. */
  readonly translate: (snapshot: MeshSnapshot) => SharedTranslation;
  /** Throws when the identity is not one to be given out. */
  readonly issueJoinToken: (request: JoinTokenRequest) => JoinTokenResponse;
  readonly metrics: MetricRegistry;
  readonly rollouts: Pick<RolloutController, "command" | "view">;
  readonly exporters: Pick<ExporterSet, "findings">;
  readonly identity: Pick<IdentitySide, "authority" | "trust" | "controller" | "own">;
  readonly access: AdminAccess;
  /** Traffic, logs, traces and events. */
  readonly telemetry: TelemetryReader;
  readonly audit: AuditTrail & Pick<AuditLog, "folder" | "head">;
  readonly info: ControlPlaneInfo;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the server stops: long polls and watches then end. */
  readonly stopping: AbortSignal;
}

/** Who may ask. */
export interface AdminAccess {
  readonly authenticator: Authenticator;
  readonly tokens: AdminTokens;
  readonly limits: ClientLimits;
  readonly metrics: AccessMetrics;
}

/** What a running control plane knows of itself. */
export interface ControlPlaneInfo {
  readonly mesh: string;
  readonly version: string;
  readonly trustDomain: string;
  readonly startedAtMs: number;
  readonly adminSocket: string;
  readonly getXdsAddress: () => string;
  readonly getState: () => HealthResponse["status"];
  /** Milliseconds since the epoch. */
  readonly getAuthorityNotAfterMs: () => number;
  readonly getCertificateNotAfterMs: () => number | undefined;
}
