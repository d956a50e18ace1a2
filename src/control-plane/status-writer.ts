/**
 * Writes what translation found into the status of the objects concerned. It works beside the pushes and never
 * holds them up; what it fails to write is judged and written again with the next push.
 */
import type { Clock } from "../core/clock.ts";
import { hasCode, messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { attachToGateways } from "../resource/gateway-attachment.ts";
import type { AnyObject } from "../resource/kind-map.ts";
import { formatKey, keyOf } from "../resource/object.ts";
import { type Change, revisionOf, type Store } from "../store/store.ts";
import type { TranslationFault } from "./fault-isolation.ts";
import type { GatewayProcesses } from "./gateway-listeners.ts";
import { instanceIndexesOf } from "./instance-indexes.ts";
import { groupByObject, type MeshFinding } from "./mesh-finding.ts";
import type { ObjectCache } from "./object-cache.ts";
import { type GatewayFacts, statusToWrite } from "./object-status.ts";
import type { ServiceIndexes } from "./service-index.ts";
import { manualWorkloads } from "./snapshot-builder.ts";

/** What is to be told to the objects' authors. */
export interface MeshReport {
  readonly findings: readonly MeshFinding[];
  readonly faults: readonly TranslationFault[];
}

export interface StatusWriterOptions {
  readonly store: Store;
  readonly objects: ObjectCache;
  readonly serviceIndexes: ServiceIndexes;
  /** Of a Gateway (`namespace/name`). Undefined: none runs. */
  readonly gatewayProcesses?: (gateway: string) => GatewayProcesses;
  readonly clock: Clock;
  readonly log: Logger;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  #next: MeshReport | undefined;
  #writing: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** A later report replaces one that was not begun. */
  write(report: MeshReport): void {
    if (this.#isStopped) return;
    this.#next = report;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#next = undefined;
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#next !== undefined) {
      const report = this.#next;
      this.#next = undefined;
      try {
        await this.#apply(this.#changes(report));
      } catch (error) {
        this.#options.log.error("statuses cannot be written", { error: messageOf(error) });
      }
    }
    this.#writing = undefined;
  }

  #changes(report: MeshReport): readonly Change[] {
    const { objects, serviceIndexes, clock } = this.#options;
    const findings = groupByObject(report.findings);
    const faults = new Map(report.faults.map((fault) => [formatKey(fault.object), fault]));
    const now = new Date(clock.nowMs()).toISOString();
    const judged: readonly AnyObject[] = [
      ...objects.list("Service"),
      ...objects.list("ExternalService"),
      ...objects.list("Gateway"),
      ...objects.list("SecurityPolicy"),
      ...objects.list("GRPCRoute"),
      ...objects.list("HTTPRoute"),
      ...objects.list("TCPRoute"),
      ...objects.list("TLSRoute"),
      ...objects.list("RateLimitPolicy"),
      ...objects.list("RouteFilter"),
      ...objects.list("TrafficPolicy"),
      ...objects.list("CachePolicy"),
      ...objects.list("FaultPolicy"),
      ...objects.list("AuthorizationPolicy"),
      ...objects.list("PeerAuthentication"),
      ...objects.list("RequestAuthentication"),
      ...objects.list("TelemetryPolicy"),
      ...objects.list("Rollout"),
      ...objects.list("Revocation"),
      ...objects.list("TrustDomainFederation"),
      ...objects.list("WorkloadAttestor"),
      ...objects.list("MeshConfig"),
      ...manualWorkloads(objects),
    ];
    const factsOf = this.#gatewayFacts();
    return judged.flatMap((object): readonly Change[] => {
      const key = keyOf(object);
      const { namespace, name } = key;
      const status = statusToWrite(object, {
        findings: findings.get(formatKey(key)) ?? [],
        fault: faults.get(formatKey(key)),
        serviceIndex:
          object.kind === "Service" || object.kind === "ExternalService"
            ? serviceIndexes.get(`${namespace}/${name}`)
            : undefined,
        instanceIndexes:
          object.kind === "Service" ? instanceIndexesOf(object, serviceIndexes) : undefined,
        gateway: object.kind === "Gateway" ? factsOf(`${namespace}/${name}`) : undefined,
        now,
      });
      if (status === undefined) return [];
      const expectedRevision = revisionOf(object);
      return [{ type: "status", key, status, expectedRevision } as Change];
    });
  }

  #gatewayFacts(): (gateway: string) => GatewayFacts {
    const { objects, gatewayProcesses } = this.#options;
    const routes = [
      ...objects.list("HTTPRoute"),
      ...objects.list("GRPCRoute"),
      ...objects.list("TCPRoute"),
      ...objects.list("TLSRoute"),
    ];
    const { byGateway } = attachToGateways(objects.list("Gateway"), routes);
    return (gateway) => ({
      ...(gatewayProcesses?.(gateway) ?? { isRunning: false, portProblem: () => undefined }),
      routeCounts: new Map(
        byGateway
          .get(gateway)
          ?.listeners.map((one) => [one.listener.name, one.routes.length + one.streams.length]),
      ),
    });
  }

  /** All in one revision; one by one when somebody changed or deleted one of them meanwhile. */
  async #apply(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    const { store, log } = this.#options;
    try {
      await store.apply(changes);
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      const results = await Promise.allSettled(changes.map((change) => store.apply([change])));
      for (const result of results) {
        if (result.status === "fulfilled" || isOvertaken(result.reason)) continue;
        log.error("a status cannot be written", { error: messageOf(result.reason) });
      }
    }
  }
}

/** The object changed or went: the watch will say so, and the next push judges it anew. */
function isOvertaken(error: unknown): boolean {
  return hasCode(error, "conflict") || hasCode(error, "not-found");
}
