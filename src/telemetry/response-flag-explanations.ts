/**
 * What each response flag means and what to check, for people: the CLI, the API, the dashboard and the guide read this
 * table alone. The order is that in which people meet them.
 */
import type { ResponseFlag } from "./response-flag.ts";

export interface FlagExplanation {
  /** Envoy's long name, of `%RESPONSE_FLAGS_LONG%`. */
  readonly long: string;
  readonly meaning: string;
  readonly check: string;
}

type Flag = Exclude<ResponseFlag, "-">;

export const FLAG_EXPLANATIONS: Readonly<Record<Flag, FlagExplanation>> = {
  UH: {
    long: "NoHealthyUpstream",
    meaning: "No instance of the service can take requests.",
    check:
      "`tulle describe service NAME`: is an instance running and healthy, and does the selector fit its labels?",
  },
  UF: {
    long: "UpstreamConnectionFailure",
    meaning: "The upstream could not be connected to.",
    check:
      "Is the instance up, and its port right? The failure reason in the log says whether it was the network or TLS.",
  },
  UC: {
    long: "UpstreamConnectionTermination",
    meaning: "The upstream closed the connection before or within its answer.",
    check:
      "Look for a crash or restart of the app, or a keep-alive limit of it that is shorter than the mesh's.",
  },
  UT: {
    long: "UpstreamRequestTimeout",
    meaning: "The answer did not come within the route's timeout.",
    check: "Is the app slow (P99 in `tulle stat`), or `timeouts.request` too short?",
  },
  UO: {
    long: "UpstreamOverflow",
    meaning: "A circuit breaker was open: too many connections, requests or retries at one time.",
    check:
      "`tulle describe service NAME` shows the limits. Is the service overloaded, or are the limits too low?",
  },
  UR: {
    long: "UpstreamRemoteReset",
    meaning: "The upstream reset the stream (HTTP/2).",
    check: "Its own log says why; gRPC servers do it for calls that they do not want.",
  },
  URX: {
    long: "UpstreamRetryLimitExceeded",
    meaning: "Every retry failed too, or no connection was made in as many attempts.",
    check: "The cause is what each try met: see the upstream's own flags and its log.",
  },
  UPE: {
    long: "UpstreamProtocolError",
    meaning: "The upstream's answer breaks HTTP.",
    check:
      "Does the port speak what its `appProtocol` says? The failure reason names what is malformed.",
  },
  UMSDR: {
    long: "UpstreamMaxStreamDurationReached",
    meaning: "The stream took longer than its cluster allows.",
    check: "`timeouts` of the TrafficPolicy; long streams need longer ones.",
  },
  NR: {
    long: "NoRouteFound",
    meaning: "No route takes the request, or no filter chain the connection.",
    check:
      "`tulle explain` shows which routes there are and why none fits: host, path, method, header.",
  },
  NC: {
    long: "NoClusterFound",
    meaning: "The route names a service that this proxy does not know.",
    check: "`tulle check` finds routes to services that were deleted or renamed.",
  },
  LR: {
    long: "LocalReset",
    meaning: "This proxy ended the stream itself.",
    check: "A sidecar that stops ends what is left; clients call again.",
  },
  LH: {
    long: "FailedLocalHealthCheck",
    meaning: "The proxy's own health check had failed.",
    check: "Nothing here: sidecars of this mesh do not raise it.",
  },
  DI: {
    long: "DelayInjected",
    meaning: "A fault was injected on purpose: a delay.",
    check: "The FaultPolicies of the service.",
  },
  FI: {
    long: "FaultInjected",
    meaning: "A fault was injected on purpose: an error.",
    check: "The FaultPolicies of the service.",
  },
  RL: {
    long: "RateLimited",
    meaning: "A rate limit was used up.",
    check:
      "The answer names the RateLimitPolicy and its rule. Is it one caller, or is the limit too low?",
  },
  RLSE: {
    long: "RateLimitServiceError",
    meaning: "The rate limit service did not answer, and the policy lets nothing through then.",
    check: "Does the control plane run, or the service that the policy names?",
  },
  UAEX: {
    long: "UnauthorizedExternalService",
    meaning:
      "Access was denied: by an authorization policy, a missing or bad token, or an authorization service.",
    check: "The details name policy and rule; `tulle authz check` says what did not hold.",
  },
  DC: {
    long: "DownstreamConnectionTermination",
    meaning: "The client went away before its answer was complete.",
    check: "Its own timeout is the usual cause: is the service slower than the client is patient?",
  },
  DPE: {
    long: "DownstreamProtocolError",
    meaning: "The request breaks HTTP.",
    check: "The details name what is malformed. Who sends it?",
  },
  DT: {
    long: "DurationTimeout",
    meaning: "The connection had lived as long as it may.",
    check: "Nothing: the client connects anew. `maxConnectionDuration` is the limit.",
  },
  DR: {
    long: "DownstreamRemoteReset",
    meaning: "The client reset the stream (HTTP/2).",
    check: "Nothing here: this mesh says DC for it.",
  },
  SI: {
    long: "StreamIdleTimeout",
    meaning: "Nothing moved on the stream for the idle timeout.",
    check: "A client that does not send its body, an upstream that is silent: `timeouts.idle`.",
  },
  IH: {
    long: "InvalidEnvoyRequestHeaders",
    meaning: "A header that steers the proxy has a bad value.",
    check: "The client's `x-envoy-*` fields.",
  },
  RFCF: {
    long: "ResponseFromCacheFilter",
    meaning: "The answer came from the sidecar's cache.",
    check: "Nothing: that is what the CachePolicy is for.",
  },
  NFCF: {
    long: "NoFilterConfigFound",
    meaning: "Configuration of a filter did not come in time.",
    check: "Nothing here: filters of this mesh come with their listener.",
  },
  OM: {
    long: "OverloadManagerTerminated",
    meaning: "Load was shed: the app or the proxy had as much as it can do.",
    check:
      "More instances, or a higher limit; `tulle_admission_requests_total` says which class of requests.",
  },
  DF: {
    long: "DnsResolutionFailed",
    meaning: "The upstream's name could not be resolved.",
    check: "Nothing here: this mesh says UH, and the sidecar's log names the name.",
  },
  DO: {
    long: "DropOverload",
    meaning: "Requests were dropped because the upstream asked for it.",
    check: "Nothing here: the mesh's control plane never asks for it.",
  },
  UDO: {
    long: "UnconditionalDropOverload",
    meaning: "All requests were dropped because the upstream asked for it.",
    check: "Nothing here: the mesh's control plane never asks for it.",
  },
};

/** Why a flag of Envoy's never shows in this mesh. */
export const NEVER_RAISED: Readonly<Partial<Record<Flag, string>>> = {
  LH: "health of an instance is what its app says; a sidecar does not answer for its own",
  NFCF: "filters come with their listener, not by a discovery service of their own",
  DF: "a name that cannot be resolved leaves a cluster without endpoints, which is UH",
  DO: "drop_overload of load assignments is not implemented",
  DR: "a client that resets its stream has gone away as far as the mesh is concerned, which is DC",
  UDO: "drop_overload of load assignments is not implemented",
};

/** Of flags as logs have them, `UF,URX`: a sentence each, or undefined for none. */
export function explainFlags(flags: string): string | undefined {
  const texts = flags.split(",").flatMap((flag) => {
    if (!Object.hasOwn(FLAG_EXPLANATIONS, flag)) return [];
    const { meaning, check } = FLAG_EXPLANATIONS[flag as Flag];
    return [`${meaning} ${check}`];
  });
  return texts.length === 0 ? undefined : texts.join(" ");
}

/** What the first of such flags means, without what to check; undefined where the mesh added none. */
export function flagsMeaning(flags: string): string | undefined {
  const [flag = ""] = flags.split(",");
  return Object.hasOwn(FLAG_EXPLANATIONS, flag)
    ? FLAG_EXPLANATIONS[flag as Flag].meaning
    : undefined;
}
