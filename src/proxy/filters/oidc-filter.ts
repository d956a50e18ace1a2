/** Asks for logins where the listener or a route says so. */
import type { OidcLogin, OidcRule } from "../../decision/filters/oidc-rule.ts";
import { FLAG } from "../../telemetry/response-flag.ts";
import { LoginGate } from "../oidc/login-gate.ts";
import { refuse } from "../oidc/login-page.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
} from "./http-filter.ts";

export class OidcFilter implements HttpFilter {
  readonly #rule: OidcRule;
  readonly #services: FilterServices;
  /** Routes' logins come and go with their tables. */
  readonly #gates = new WeakMap<OidcLogin, LoginGate>();

  constructor(rule: OidcRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { ofRoute } = call;
    const login = (ofRoute?.kind === "oidc" ? ofRoute : this.#rule).login;
    if (login === undefined) return GO_ON;
    if (login.kind === "closed") {
      call.outcome.flag = FLAG.UAEX;
      const text = `logins of ${login.name} cannot be asked for at present: see the status of the policy`;
      refuse(call, 503, "oidc_policy_closed", text);
      return ANSWERED;
    }
    let gate = this.#gates.get(login);
    if (gate === undefined) {
      gate = new LoginGate(login, this.#services);
      this.#gates.set(login, gate);
    }
    return gate.onRequest(call);
  }
}
