/**
 * What happens to a request before its route is looked for: one spelling of its path and host, header fields that can be
 * relied on, or a refusal.
 */
import type { HttpConfig } from "./http-config.ts";
import { LOCAL_REPLY, type LocalReply } from "./local-reply.ts";
import type { RequestOutcome } from "./request-outcome.ts";
import type { RoutedRequest } from "./routed-request.ts";

export type RequestArrival =
  | { readonly kind: "admitted" }
  | { readonly kind: "refused"; readonly reply: LocalReply }
  /** The client is to come again with this path. */
  | { readonly kind: "redirected"; readonly path: string };

const ADMITTED: RequestArrival = { kind: "admitted" };
const PATH_INVALID: RequestArrival = { kind: "refused", reply: LOCAL_REPLY.pathInvalid };
const UNDERSCORE_NAME: RequestArrival = { kind: "refused", reply: LOCAL_REPLY.underscoreName };
const MISDIRECTED: RequestArrival = { kind: "refused", reply: LOCAL_REPLY.misdirected };

export function admitRequest(
  request: RoutedRequest,
  outcome: RequestOutcome,
  config: HttpConfig,
): RequestArrival {
  const { headers } = request.head!;
  if (!config.arrival.admits(headers)) return UNDERSCORE_NAME;
  const path = request.normalize(config.pathNormalization, config.hosts);
  // A client of gRPC follows no redirects.
  if (path.kind === "refused" || (path.kind === "redirect" && outcome.isGrpc)) return PATH_INVALID;
  if (path.kind === "redirect") return { kind: "redirected", path: path.path };
  const { hostCheck } = outcome.connection;
  if (hostCheck !== undefined && !hostCheck.accepts(request.authority)) return MISDIRECTED;
  config.arrival.prepare(outcome, headers);
  request.clientAddress = outcome.clientAddress;
  return ADMITTED;
}
