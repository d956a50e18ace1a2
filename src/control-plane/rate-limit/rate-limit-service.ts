/**
 * The server side of `envoy.service.ratelimit.v3.RateLimitService`: answers for the global limits of RateLimitPolicies
 * that name no service of their own. Only proxies of the mesh may ask.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  status as grpcStatus,
  type MethodDefinition,
  type Server,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { RATE_LIMIT_DESCRIPTORS_MAX } from "../../core/limits.ts";
import {
  RateLimitResponse_Code as Code,
  type RateLimitRequest,
  RateLimitRequestSchema,
  type RateLimitResponse,
  type RateLimitResponse_DescriptorStatusSchema,
  RateLimitResponseSchema,
  RateLimitService,
  RateLimitResponse_RateLimit_Unit as Unit,
} from "../../gen/envoy/service/ratelimit/v3/rls_pb.js";
import type { MeshPeer, PeerCall } from "../../identity/grpc-listener.ts";
import type { RateLimitPolicy } from "../../resource/kinds/rate-limit-policy.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { SeriesSource } from "../../telemetry/metric-registry.ts";
import { type LimitCounter, type LimitStanding, remainingOf, waitUs } from "./counted-limit.ts";
import { limitOf, type PlannedLimit } from "./limit-plan.ts";

export const SHOULD_RATE_LIMIT_METHOD: MethodDefinition<RateLimitRequest, RateLimitResponse> = {
  path: `/${RateLimitService.typeName}/${RateLimitService.method.shouldRateLimit.name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: (message) => Buffer.from(toBinary(RateLimitRequestSchema, message)),
  requestDeserialize: (bytes) => fromBinary(RateLimitRequestSchema, bytes),
  responseSerialize: (message) => Buffer.from(toBinary(RateLimitResponseSchema, message)),
  responseDeserialize: (bytes) => fromBinary(RateLimitResponseSchema, bytes),
};

export interface RateLimitServiceDeps {
  /** By domain, which is `namespace/name` of a policy. */
  readonly policyOf: (domain: string) => RateLimitPolicy | undefined;
  readonly counter: LimitCounter;
  readonly trustDomain: string;
  readonly peerOf: (call: PeerCall) => MeshPeer | undefined;
  /** Labels `policy`, `rule`, `result`. */
  readonly decisions: SeriesSource<Counter>;
  readonly failures: Counter;
}

type LimitCall = ServerUnaryCall<RateLimitRequest, RateLimitResponse>;
type StatusInit = MessageInitShape<typeof RateLimitResponse_DescriptorStatusSchema>;

/** Adds the service to a server. */
export function addRateLimitService(server: Server, deps: RateLimitServiceDeps): void {
  server.addService(
    { ShouldRateLimit: SHOULD_RATE_LIMIT_METHOD },
    {
      ShouldRateLimit: (call: LimitCall, callback: sendUnaryData<RateLimitResponse>) => {
        const peer = deps.peerOf(call);
        if (peer?.trustDomain !== deps.trustDomain) {
          const details = "only proxies of the mesh may ask";
          callback({ code: grpcStatus.PERMISSION_DENIED, details });
          return;
        }
        decide(call.request, deps).then(
          (response) => callback(null, response),
          () => {
            deps.failures.add(1);
            callback({ code: grpcStatus.UNAVAILABLE, details: "limits cannot be counted now" });
          },
        );
      },
    },
  );
}

/** Rejects when limits cannot be counted. */
export async function decide(
  { domain, descriptors, hitsAddend }: RateLimitRequest,
  {
    policyOf,
    counter,
    decisions,
  }: Pick<RateLimitServiceDeps, "policyOf" | "counter" | "decisions">,
): Promise<RateLimitResponse> {
  const policy = policyOf(domain);
  const plans = descriptors
    .slice(0, RATE_LIMIT_DESCRIPTORS_MAX)
    .map((descriptor) => policy && limitOf(policy, domain, descriptor));
  const limits = plans.filter((plan) => plan !== undefined);
  if (policy === undefined || limits.length === 0) {
    const statuses = descriptors.map(() => ({ code: Code.OK }));
    return create(RateLimitResponseSchema, { overallCode: Code.OK, statuses });
  }
  const standings = await counter.take(limits, hitsAddend || 1);
  const standingOf = new Map(standings.map((standing) => [standing.limit, standing]));
  const isWithin = standings.every((standing) => standing.isWithin);
  const isObserved = policy.spec.mode === "Observe";
  const result = isWithin ? "allowed" : isObserved ? "observed" : "limited";
  for (const { limit, isWithin: hasRoom } of standings) {
    // Of a refused request only the limits that refuse it are told.
    if (isWithin || !hasRoom) decisions.with({ policy: domain, rule: limit.rule, result }).add(1);
  }
  const isOver = !isWithin && !isObserved;
  return create(RateLimitResponseSchema, {
    overallCode: isOver ? Code.OVER_LIMIT : Code.OK,
    statuses: plans.map((plan) => {
      const standing = plan && standingOf.get(plan);
      return standing === undefined ? { code: Code.OK } : statusOf(standing, isObserved);
    }),
    responseHeadersToAdd: isOver && policy.spec.tellsClients ? [retryAfter(standings)] : [],
  });
}

const UNIT: Readonly<Record<PlannedLimit["amount"]["unit"], Unit>> = {
  Second: Unit.SECOND,
  Minute: Unit.MINUTE,
  Hour: Unit.HOUR,
  Day: Unit.DAY,
};

function statusOf(
  { limit, isWithin, aheadUs }: LimitStanding<PlannedLimit>,
  isObserved: boolean,
): StatusInit {
  const { requests, unit } = limit.amount;
  return {
    code: isWithin || isObserved ? Code.OK : Code.OVER_LIMIT,
    currentLimit: { requestsPerUnit: requests, unit: UNIT[unit], name: limit.rule },
    limitRemaining: remainingOf(limit, aheadUs),
    durationUntilReset: { seconds: BigInt(Math.ceil(waitUs(limit, aheadUs) / 1_000_000)) },
  };
}

/** RFC 9110 section 10.2.3: when all limits have room again. */
function retryAfter(standings: readonly LimitStanding[]) {
  const waits = standings.map(({ limit, aheadUs }) => waitUs(limit, aheadUs));
  return { key: "retry-after", value: String(Math.ceil(Math.max(...waits) / 1_000_000)) };
}
