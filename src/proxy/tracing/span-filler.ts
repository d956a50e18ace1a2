/** What is known about a request that is over, as a span. */
import { detached } from "../../core/bytes.ts";
import type { TagRule } from "../../decision/route-tracing.ts";
import {
  KEPT_NOT,
  KIND_CLIENT,
  KIND_SERVER,
  type SpanDraft,
  type SpanTag,
} from "../../telemetry/trace/span-draft.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import type { RequestTrace } from "./request-trace.ts";

const NO_TAGS: readonly SpanTag[] = [];

/** All but times, ids and why it is kept. */
export function fillSpan(
  draft: SpanDraft,
  outcome: RequestOutcome,
  trace: RequestTrace,
  isServer: boolean,
  maxPathLength: number,
): void {
  const { connection, endpoint } = outcome;
  draft.traceFlags = trace.context.flags;
  draft.kind = isServer ? KIND_SERVER : KIND_CLIENT;
  draft.kept = KEPT_NOT;
  draft.status = outcome.status;
  draft.grpcStatus = outcome.grpcResult;
  draft.flag = outcome.flag;
  draft.resendCount = 0;
  draft.isMirror = false;
  draft.isHttps = connection.scheme === "https";
  draft.httpVersion = versionOf(outcome.protocol);
  draft.method = outcome.method;
  draft.path = pathOf(outcome.target, maxPathLength);
  draft.authority = outcome.authority;
  draft.routeName = outcome.routeName;
  draft.routePath = trace.routePath;
  draft.clusterName = outcome.clusterName;
  draft.endpoint = endpoint?.key ?? "";
  draft.destination = isServer ? undefined : endpoint?.workload;
  draft.peerPrincipal = isServer ? connection.peerPrincipal : "";
  draft.requestId = outcome.requestId;
  draft.clientAddress = isServer ? outcome.clientAddress : "";
  draft.details = outcome.details;
  draft.failureReason = outcome.failureReason;
  draft.userAgent = "";
  draft.tags = NO_TAGS;
}

/** What costs more than a span that stays in the ring is worth. */
export function fillDetails(draft: SpanDraft, { headers }: RequestOutcome): void {
  if (draft.kind === KIND_SERVER) draft.userAgent = headers?.get("user-agent") ?? "";
}

/** Variables of the environment are what they are: they become texts once. */
export function settledTags(rules: readonly TagRule[]): readonly TagRule[] {
  return rules.flatMap((rule): readonly TagRule[] => {
    if (rule.kind !== "environment") return [rule];
    const value = process.env[rule.variable] ?? rule.absent;
    return value === "" ? [] : [{ kind: "literal", name: rule.name, value }];
  });
}

/** Values of settled tags. `isKept`: they outlive the request, so that they must not keep its text in memory. */
export function tagsOf(
  rules: readonly TagRule[],
  { headers }: RequestOutcome,
  isKept: boolean,
): readonly SpanTag[] {
  const tags: SpanTag[] = [];
  for (const rule of rules) {
    if (rule.kind === "literal") {
      tags.push(rule);
      continue;
    }
    if (rule.kind === "environment") continue;
    const found = headers?.get(rule.header);
    const value = found === undefined ? rule.absent : isKept ? detached(found) : found;
    if (value !== "") tags.push({ name: rule.name, value });
  }
  return tags;
}

function versionOf(protocol: RequestOutcome["protocol"]): string {
  switch (protocol) {
    case "HTTP/1.0":
      return "1.0";
    case "HTTP/1.1":
      return "1.1";
    case "HTTP/2":
      return "2";
  }
}

/** Queries hold what is nobody's business: no span tells them. */
function pathOf(target: string, maxLength: number): string {
  const queryAt = target.indexOf("?");
  const end = queryAt < 0 ? target.length : queryAt;
  return target.slice(0, Math.min(end, maxLength));
}
