/**
 * Which connections of one filter chain are served: Envoy's RBAC network filters. They are asked when a connection's
 * peer is known and before anything else is done for it, and asked again, for all that are open, when rules change.
 */
import type { DynamicMetadata, MetadataValue } from "../decision/dynamic-metadata.ts";
import { explainMatch } from "../decision/rbac/judgement.ts";
import type { NetworkRbacRule } from "../decision/rbac/network-rbac-rule.ts";
import type { RbacConnection } from "../decision/rbac/rbac-connection.ts";
import { NO_REQUEST } from "../decision/rbac/rbac-engine.ts";
import { denialDetails } from "../decision/rbac/rule-name.ts";
import type { PolicyMetrics } from "./policy-decisions.ts";

/** Where Envoy's filter leaves the result of shadow rules. */
const NAMESPACE = "envoy.filters.network.rbac";

/** Why a connection is closed. */
export interface ConnectionDenial {
  /** Envoy's `connection_termination_details`. */
  readonly details: string;
  /** A sentence for the log. */
  readonly reason: string;
}

export class ChainAuthorization {
  readonly #rules: readonly NetworkRbacRule[];
  readonly #metrics: PolicyMetrics | undefined;

  constructor(rules: readonly NetworkRbacRule[], metrics: PolicyMetrics | undefined) {
    this.#rules = rules;
    this.#metrics = metrics;
  }

  /** Undefined for a connection that may be served. */
  judge(connection: RbacConnection): ConnectionDenial | undefined {
    for (const { rules, shadow } of this.#rules) {
      if (shadow !== undefined) {
        const match = shadow.match(NO_REQUEST, connection);
        const counts = this.#metrics?.countsOf(shadow, "shadow");
        if (shadow.isAllowed(match)) counts?.onAllowed(match);
        else {
          const judgement = explainMatch(shadow, match, NO_REQUEST, connection);
          counts?.onDenied(judgement, connection.peerPrincipal);
        }
      }
      if (rules === undefined) continue;
      const match = rules.match(NO_REQUEST, connection);
      const counts = this.#metrics?.countsOf(rules, "enforced");
      if (rules.isAllowed(match)) {
        counts?.onAllowed(match);
        continue;
      }
      const judgement = explainMatch(rules, match, NO_REQUEST, connection);
      counts?.onDenied(judgement, connection.peerPrincipal);
      const { policy, isMatched, reason } = judgement;
      return { details: denialDetails(isMatched ? policy?.name : undefined), reason };
    }
    return undefined;
  }

  /** What shadow rules find out about a connection, for filters behind them: Envoy's dynamic metadata. */
  metadataOf(connection: RbacConnection): DynamicMetadata {
    const fields = new Map<string, MetadataValue>();
    for (const { shadow, shadowPrefix } of this.#rules) {
      if (shadow === undefined) continue;
      const match = shadow.match(NO_REQUEST, connection);
      const result = shadow.isAllowed(match) ? "allowed" : "denied";
      fields.set(`${shadowPrefix}shadow_engine_result`, result);
      const policy = shadow.policies[match];
      if (policy !== undefined)
        fields.set(`${shadowPrefix}shadow_effective_policy_id`, policy.name);
    }
    return new Map([[NAMESPACE, fields]]);
  }

  /** Whether a connection may stay. Nothing is counted. */
  allows(connection: RbacConnection): boolean {
    return this.#rules.every(
      ({ rules }) => rules === undefined || rules.isAllowed(rules.match(NO_REQUEST, connection)),
    );
  }
}

/** Of a chain without such filters. */
export const ALLOWS_ALL = new ChainAuthorization([], undefined);
