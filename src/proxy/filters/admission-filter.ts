/** Tells requests of different importance apart, for what gives some of them up behind it. */
import { type AdmissionRule, priorityOf } from "../../decision/filters/admission-rule.ts";
import { type FilterCall, type FilterVerdict, GO_ON, type HttpFilter } from "./http-filter.ts";

export class AdmissionFilter implements HttpFilter {
  readonly #rule: AdmissionRule;

  constructor(rule: AdmissionRule) {
    this.#rule = rule;
  }

  onRequest(call: FilterCall): FilterVerdict {
    const rule = call.ofRoute?.kind === "admission" ? call.ofRoute : this.#rule;
    call.outcome.priority = priorityOf(rule, call.request, call.outcome.connection);
    return GO_ON;
  }
}
