/**
 * Answers by which the sidecar of an endpoint refuses requests on purpose: its app has enough to do, or is asked for more
 * than a limit allows. They say nothing bad of the endpoint. If they did, overload would eject half of the endpoints, and
 * be twice as much for the others.
 */
import type { HeaderBlock } from "../../http/header-block.ts";
import { FLAG, RESPONSE_FLAGS } from "../../telemetry/response-flag.ts";

/** Put on by sidecars, which let no app set it: see `RESPONSE_FLAGS_HEADER` of translation. */
const FLAGS_HEADER = "x-tulle-response-flags";

const OVERLOADED = RESPONSE_FLAGS[FLAG.OM];
const RATE_LIMITED = RESPONSE_FLAGS[FLAG.RL];

export function isRefusal(headers: HeaderBlock): boolean {
  const flags = headers.get(FLAGS_HEADER);
  return flags !== undefined && (flags === OVERLOADED || flags === RATE_LIMITED);
}
