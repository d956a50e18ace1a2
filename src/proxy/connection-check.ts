/**
 * The questions about one TCP connection that Envoy's ext_authz network filters ask, one after the other. Nothing is
 * read from the client meanwhile, and what its upstream may have said already waits.
 */
import type { NetworkExtAuthzRule } from "../decision/ext-authz/network-ext-authz-rule.ts";
import { NO_REQUEST } from "../decision/rbac/rbac-engine.ts";
import { type FaultOwner, guarded } from "./callback-faults.ts";
import type { ChainAuthorization, ConnectionDenial } from "./chain-authorization.ts";
import type { ConnectionIdentity } from "./downstream-connection.ts";
import type { AuthzAnswer } from "./ext-authz/authz-answer.ts";
import {
  type AuthzHandler,
  type AuthzQuestion,
  type AuthzServices,
  askByGrpc,
} from "./ext-authz/authz-check.ts";
import { connectionCheck } from "./ext-authz/check-request.ts";
import type { ExtAuthzMetrics } from "./ext-authz/ext-authz-metrics.ts";

/** What the checks of a filter chain's connections are made with. */
export interface ConnectionCheckServices extends AuthzServices {
  readonly metrics: ExtAuthzMetrics;
}

/** Told once; maybe from within `begin`. */
export interface CheckedConnection extends FaultOwner {
  readonly connection: ConnectionIdentity;
  onChecked(): void;
  onCheckDenied(denial: ConnectionDenial): void;
}

export class ConnectionCheck implements AuthzHandler {
  readonly #rules: readonly NetworkExtAuthzRule[];
  readonly #services: ConnectionCheckServices;
  readonly #owner: CheckedConnection;
  readonly #authorization: ChainAuthorization;
  readonly #settle: (answer: AuthzAnswer | undefined, reason: string) => void;
  #at = 0;
  #startMs = 0;
  #question: AuthzQuestion | undefined;

  constructor(
    rules: readonly NetworkExtAuthzRule[],
    authorization: ChainAuthorization,
    services: ConnectionCheckServices,
    owner: CheckedConnection,
  ) {
    this.#rules = rules;
    this.#authorization = authorization;
    this.#services = services;
    this.#owner = owner;
    this.#settle = guarded(owner, (answer, reason) => this.#onSettled(answer, reason));
  }

  begin(): void {
    for (; this.#at < this.#rules.length; this.#at++) {
      const rule = this.#rules[this.#at]!;
      if (!this.#isMeant(rule)) {
        this.#services.metrics.countersOf(rule.label).disabled.value += 1;
        continue;
      }
      const { connection } = this.#owner;
      const { tellsCertificate, tellsServerName, target } = rule;
      this.#startMs = this.#services.nowMs();
      const message = connectionCheck({ connection, tellsCertificate, tellsServerName });
      const asked = askByGrpc(target, message, this.#services, this);
      if (typeof asked !== "string") {
        this.#question = asked;
        return;
      }
      if (!this.#passes(rule, undefined, asked)) return;
    }
    this.#owner.onChecked();
  }

  /** The connection is gone. */
  cancel(): void {
    this.#question?.cancel();
    this.#question = undefined;
  }

  onAnswer(answer: AuthzAnswer): void {
    this.#settle(answer, "");
  }

  onNoAnswer(reason: string): void {
    this.#settle(undefined, reason);
  }

  #isMeant({ onlyWhen }: NetworkExtAuthzRule): boolean {
    if (onlyWhen === undefined) return true;
    const { connection } = this.#owner;
    const metadata = this.#authorization.metadataOf(connection);
    return onlyWhen.test({ ...NO_REQUEST, metadata }, connection);
  }

  #onSettled(answer: AuthzAnswer | undefined, reason: string): void {
    this.#question = undefined;
    if (!this.#passes(this.#rules[this.#at]!, answer, reason)) return;
    this.#at += 1;
    this.begin();
  }

  /** Whether the connection goes on to the next rule; otherwise its owner has been told. */
  #passes(rule: NetworkExtAuthzRule, answer: AuthzAnswer | undefined, reason: string): boolean {
    const counters = this.#services.metrics.countersOf(rule.label);
    if (answer === undefined) {
      counters.error.value += 1;
      if (rule.allowsOnFailure) {
        counters.failureModeAllowed.value += 1;
        return true;
      }
      const text = `the external authorization ${rule.label} could not be asked: ${reason}`;
      this.#owner.onCheckDenied({ details: "ext_authz_error", reason: text });
      return false;
    }
    counters.durationMs.observe(this.#services.nowMs() - this.#startMs);
    if (answer.isAllowed) {
      counters.ok.value += 1;
      return true;
    }
    counters.denied.value += 1;
    const text = `denied by the external authorization ${rule.label}`;
    this.#owner.onCheckDenied({ details: "ext_authz_denied", reason: text });
    return false;
  }
}
