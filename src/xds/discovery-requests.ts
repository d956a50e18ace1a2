/**
 * What a discovery request does to the state of its type: acknowledgement, refusal, subscription. The
 * order of the decisions is the protocol's (xDS protocol, "ACK/NACK and resource type instance
 * version"; the same order as Istio's ShouldRespond). Nothing is sent here.
 */
import type {
  DeltaDiscoveryRequest,
  DiscoveryRequest,
} from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import type { InFlightResponse, TypeState } from "./type-state.ts";
import { ENDPOINT_TYPE_URL, isFullState, SECRET_TYPE_URL } from "./type-urls.ts";

export type RequestOutcome =
  | { readonly kind: "none" }
  | { readonly kind: "acknowledged"; readonly response: InFlightResponse }
  | {
      readonly kind: "refused";
      readonly response: InFlightResponse;
      readonly names: readonly string[];
      readonly message: string;
    };

const NONE: RequestOutcome = { kind: "none" };

/** `isFirst`: the first request of the type on this stream. `nowMs` is monotonic. */
export function applySotwRequest(
  state: TypeState,
  request: DiscoveryRequest,
  isFirst: boolean,
  nowMs: number,
): RequestOutcome {
  const nonce = request.responseNonce;
  if (isFirst || nonce === "") {
    // First request, or a client that starts over: answered in full, whatever version it says it has. Matching
    // versions prove nothing about the set of names (grpc-go issue 7013).
    state.forget(state.subscription.replace(request.resourceNames));
    state.oweEverything();
    state.mayHaveOthers = request.versionInfo !== "";
    noteWarming(state, state.subscription.names);
    return NONE;
  }
  // A request about an older response is stale; the client repeats what matters in its next one.
  if (nonce !== state.lastNonce) return NONE;
  // `error_detail` alone makes a NACK: versions say nothing once subscriptions change.
  const outcome = settle(state, request.errorDetail, isFullState(state.typeUrl), nowMs);
  const change = state.subscription.replace(request.resourceNames);
  state.forget(change);
  // A name that the wildcard brought before is no news: the client has it.
  const added = change.added.filter((name) => !state.known.has(name));
  if (added.length > 0 || change.wildcardStarted) {
    state.owe(added);
    state.answerDue = true;
    noteWarming(state, added);
  }
  return outcome;
}

export function applyDeltaRequest(
  state: TypeState,
  request: DeltaDiscoveryRequest,
  isFirst: boolean,
  nowMs: number,
): RequestOutcome {
  // The nonce only says which response this is about. What else the message asks for is honoured also
  // when that response is not the last one, and when there is no nonce at all.
  const isAboutLast = request.responseNonce !== "" && request.responseNonce === state.lastNonce;
  const outcome = isAboutLast ? settle(state, request.errorDetail, false, nowMs) : NONE;
  const change = state.subscription.update(
    request.resourceNamesSubscribe,
    request.resourceNamesUnsubscribe,
  );
  if (isFirst) {
    restore(state, request);
    // A client that starts from nothing waits to hear that there is nothing.
    state.answerDue = state.subscription.wildcard && state.known.size === 0;
  }
  state.forget(change);
  // Names asked for are sent even when the client is believed to have them, except when it has just said so itself.
  const owed = isFirst ? change.added.filter((name) => !state.known.has(name)) : change.added;
  state.owe(owed);
  noteWarming(state, change.added);
  // After an unsubscription the wildcard may still cover the name: the client wants to know.
  if (state.subscription.wildcard) state.owe(change.removed);
  return outcome;
}

/** Takes over what a reconnecting client says it still has. */
function restore(state: TypeState, request: DeltaDiscoveryRequest): void {
  // A cluster may have been warming when the old stream broke: its endpoints and secrets must come again
  // even if they are the same, or it stays warming (Envoy issue 13009).
  const certain = state.typeUrl !== ENDPOINT_TYPE_URL && state.typeUrl !== SECRET_TYPE_URL;
  for (const [name, version] of Object.entries(request.initialResourceVersions)) {
    state.known.set(name, { version, certain });
  }
}

function settle(
  state: TypeState,
  error: DiscoveryRequest["errorDetail"],
  fullState: boolean,
  nowMs: number,
): RequestOutcome {
  if (error === undefined) {
    const response = state.acknowledge(fullState);
    return response === undefined ? NONE : { kind: "acknowledged", response };
  }
  const refused = state.refuse(error.message, nowMs);
  return refused === undefined ? NONE : { kind: "refused", ...refused, message: error.message };
}

function noteWarming(state: TypeState, names: Iterable<string>): void {
  if (state.typeUrl !== ENDPOINT_TYPE_URL && state.typeUrl !== SECRET_TYPE_URL) return;
  for (const name of names) state.warming.add(name);
}
