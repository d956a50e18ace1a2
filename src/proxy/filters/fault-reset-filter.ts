/** Breaks the streams of some requests off: an HTTP/1.1 client loses its connection, one of HTTP/2 gets RST_STREAM. */
import type { FaultResetRule } from "../../decision/filters/fault-reset-rule.ts";
import { isChosen } from "../../decision/filters/fault-rule.ts";
import { FLAG } from "../../telemetry/response-flag.ts";
import type { FilterServices } from "./filter-services.ts";
import {
  ANSWERED,
  type FilterCall,
  type FilterVerdict,
  GO_ON,
  type HttpFilter,
} from "./http-filter.ts";

export class FaultResetFilter implements HttpFilter {
  readonly #rule: FaultResetRule;
  readonly #services: FilterServices;

  constructor(rule: FaultResetRule, services: FilterServices) {
    this.#rule = rule;
    this.#services = services;
  }

  onRequest(call: FilterCall): FilterVerdict {
    const { ofRoute, request } = call;
    const { share, tests } = ofRoute?.kind === "fault-reset" ? ofRoute : this.#rule;
    for (let i = 0; i < tests.length; i++) if (!tests[i]!(request)) return GO_ON;
    const { prng, metrics } = this.#services;
    if (!isChosen(share, request, prng.next())) return GO_ON;
    metrics.fault.resets.value += 1;
    call.reset(FLAG.FI, "fault_filter_reset");
    return ANSWERED;
  }
}
