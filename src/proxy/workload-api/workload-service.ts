/** The SPIFFE Workload API (SPIFFE Workload API, sections 5 and 6) for the one workload beside this sidecar. */
import {
  status as grpcStatus,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { Clock } from "../../core/clock.ts";
import { verifyJwtSvid } from "../../decision/spiffe/jwt-svid.ts";
import type {
  JWTSVIDRequest,
  JWTSVIDResponse,
  ValidateJWTSVIDRequest,
  ValidateJWTSVIDResponse,
} from "../../gen/spiffe/workload/workload_pb.js";
import { jwtBundlesResponse, jwtSvidResponse, validatedResponse } from "./jwt-answers.ts";
import type { PushStreams } from "./push-streams.ts";
import type { Tokens } from "./tokens.ts";
import {
  type CallCounts,
  type CallOutcome,
  type CallRefusal,
  ENDING,
  headerRefusal,
  isRefusal,
  readyOr,
  TOO_MANY_STREAMS,
} from "./workload-calls.ts";
import { WORKLOAD_API_METHODS as METHODS } from "./workload-methods.ts";
import type { ReadyState, WorkloadState } from "./workload-state.ts";
import { x509BundlesResponse, x509SvidResponse } from "./x509-answers.ts";

export interface WorkloadServiceDeps {
  readonly getState: () => WorkloadState;
  readonly tokens: Tokens;
  readonly streams: PushStreams;
  readonly counts: CallCounts;
  readonly clock: Clock;
}

/** Adds the service to a server. */
export function addWorkloadService(server: Server, deps: WorkloadServiceDeps): void {
  server.addService(METHODS, {
    FetchX509SVID: streamOf(deps, "FetchX509SVID", x509SvidResponse),
    FetchX509Bundles: streamOf(deps, "FetchX509Bundles", x509BundlesResponse),
    FetchJWTBundles: streamOf(deps, "FetchJWTBundles", jwtBundlesResponse),
    FetchJWTSVID: unaryOf(deps, "FetchJWTSVID", (request: JWTSVIDRequest, state) =>
      fetchToken(deps, request, state),
    ),
    ValidateJWTSVID: unaryOf(deps, "ValidateJWTSVID", (request: ValidateJWTSVIDRequest, state) =>
      Promise.resolve(validateToken(deps, request, state)),
    ),
  });
}

/** Each message is the whole state; the first comes at once, the same is not said twice. */
function streamOf<Response>(
  { getState, streams, counts }: WorkloadServiceDeps,
  method: keyof typeof METHODS,
  answerOf: (state: ReadyState) => Response,
) {
  const serialize = METHODS[method].responseSerialize as (response: Response) => Buffer;
  return (call: ServerWritableStream<unknown, Response>): void => {
    let sent: Buffer | undefined;
    let remove = (): void => {};
    const end = (refusal: CallRefusal): void => {
      remove();
      counts.add(method, refusal.code);
      call.emit("error", refusal);
    };
    const send = (): void => {
      const state = readyOr(getState());
      if (isRefusal(state)) {
        end(state);
        return;
      }
      const answer = answerOf(state);
      const bytes = serialize(answer);
      if (sent?.equals(bytes) === true) return;
      sent = bytes;
      call.write(answer);
    };
    const refusal = headerRefusal(call.metadata) ?? (streams.isFull ? TOO_MANY_STREAMS : undefined);
    if (refusal !== undefined) {
      end(refusal);
      return;
    }
    remove = streams.add({ send, end: () => end(ENDING) });
    call.on("cancelled", () => {
      remove();
      counts.add(method, grpcStatus.CANCELLED);
    });
    send();
  };
}

function unaryOf<Request, Response>(
  { getState, counts }: WorkloadServiceDeps,
  method: keyof typeof METHODS,
  act: (request: Request, state: ReadyState) => Promise<CallOutcome<Response>>,
) {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    const refuse = (refusal: CallRefusal): void => {
      counts.add(method, refusal.code);
      callback(refusal);
    };
    const refusal = headerRefusal(call.metadata);
    const state = refusal ?? readyOr(getState());
    if (isRefusal(state)) {
      refuse(state);
      return;
    }
    void act(call.request, state).then((outcome) => {
      if ("refusal" in outcome) {
        refuse(outcome.refusal);
        return;
      }
      counts.add(method, grpcStatus.OK);
      callback(null, outcome.answer);
    });
  };
}

async function fetchToken(
  { tokens }: WorkloadServiceDeps,
  { audience, spiffeId }: JWTSVIDRequest,
  state: ReadyState,
): Promise<CallOutcome<JWTSVIDResponse>> {
  if (spiffeId !== "" && spiffeId !== state.spiffeId) {
    const details = `the workload is ${state.spiffeId} and has no other identity`;
    return { refusal: { code: grpcStatus.PERMISSION_DENIED, details } };
  }
  const outcome = await tokens.get(audience);
  if ("refusal" in outcome) return outcome;
  return { answer: jwtSvidResponse(state.spiffeId, outcome.answer) };
}

function validateToken(
  { clock }: WorkloadServiceDeps,
  { audience, svid }: ValidateJWTSVIDRequest,
  { bundles }: ReadyState,
): CallOutcome<ValidateJWTSVIDResponse> {
  const refuse = (details: string): CallOutcome<never> => ({
    refusal: { code: grpcStatus.INVALID_ARGUMENT, details },
  });
  if (audience === "" || svid === "") return refuse("audience and svid are required");
  const verdict = verifyJwtSvid(svid, {
    keysOf: (trustDomain) => bundles.get(trustDomain)?.jwtKeys.map(({ key }) => key),
    audience,
    nowMs: clock.nowMs(),
  });
  if (verdict.kind === "failure") return refuse(verdict.message);
  return { answer: validatedResponse(verdict.spiffeId, verdict.claims) };
}
