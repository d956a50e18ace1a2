/**
 * Rules of a RateLimitPolicy as Envoy's rate limit actions and descriptors. The first entry of each descriptor names
 * its rule, so that two rules never share a bucket.
 */
import { create } from "@bufbuild/protobuf";
import { maskedAddress } from "../../decision/filters/masked-address.ts";
import { JWT_METADATA, JWT_PAYLOAD } from "../../decision/verified-token.ts";
import {
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
  type RateLimit_Action,
  RateLimit_ActionSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { UriSanInputSchema } from "../../gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js";
import type { RateLimitPolicySpec } from "../../resource/kinds/rate-limit-policy.ts";
import { pack } from "../message.ts";
import { spiffeId } from "../names.ts";
import { requestMatchers } from "./request-matchers.ts";

/** Of a policy's local or global limits. */
export type LimitRule = Omit<NonNullable<RateLimitPolicySpec["local"]>["rules"][number], "limit">;

export interface MeshNames {
  readonly trustDomain: string;
  /** The policy's. */
  readonly namespace: string;
}

/** An action, and what its entry says in the descriptor; empty for any value. */
export interface LimitEntry {
  readonly action: RateLimit_Action;
  readonly key: string;
  readonly value: string;
}

/** Key of the entry that names the rule. */
const RULE_KEY = "rule";
/** What entries say that are there or not. */
const MATCHED = "true";

export function limitEntries(rule: LimitRule, names: MeshNames): readonly LimitEntry[] {
  const { match, per = [] } = rule;
  const entries = [
    genericKey(RULE_KEY, rule.name),
    ...headerConditions(match),
    ...queryConditions(match),
    ...callerCondition(match, names),
    ...networkCondition(match),
    ...per.map(distinctValue),
  ];
  // A rule for one caller that also tells callers apart has one.
  return entries.filter(
    ({ key }, index) => entries.findIndex((other) => other.key === key) === index,
  );
}

type Match = LimitRule["match"];

function genericKey(key: string, value: string): LimitEntry {
  return entry(key, value, {
    case: "genericKey",
    value: { descriptorKey: key, descriptorValue: value },
  });
}

function headerConditions(match: Match): readonly LimitEntry[] {
  const headers = requestMatchers(match);
  if (headers.length === 0) return [];
  const named = { descriptorKey: "request", descriptorValue: MATCHED };
  return [entry("request", MATCHED, { case: "headerValueMatch", value: { ...named, headers } })];
}

function queryConditions(match: Match): readonly LimitEntry[] {
  const queryParameters = (match?.queryParams ?? []).map(queryMatcher);
  if (queryParameters.length === 0) return [];
  const named = { descriptorKey: "query", descriptorValue: MATCHED };
  return [
    entry("query", MATCHED, {
      case: "queryParameterValueMatch",
      value: { ...named, queryParameters },
    }),
  ];
}

export function queryMatcher({
  type,
  name,
  value,
}: NonNullable<NonNullable<Match>["queryParams"]>[number]): QueryParameterMatcher {
  const matchPattern =
    type === "Exact"
      ? ({ case: "exact", value } as const)
      : ({ case: "safeRegex", value: { regex: value } } as const);
  return create(QueryParameterMatcherSchema, {
    name,
    queryParameterMatchSpecifier: { case: "stringMatch", value: { matchPattern } },
  });
}

function callerCondition(
  match: Match,
  { trustDomain, namespace }: MeshNames,
): readonly LimitEntry[] {
  if (match?.caller === undefined) return [];
  const { serviceAccount, namespace: ofCaller = namespace } = match.caller;
  return [callerEntry(spiffeId(trustDomain, ofCaller, serviceAccount))];
}

function callerEntry(value: string): LimitEntry {
  return entry("caller", value, {
    case: "extension",
    value: { name: "caller", typedConfig: pack(UriSanInputSchema, create(UriSanInputSchema)) },
  });
}

function networkCondition(match: Match): readonly LimitEntry[] {
  if (match?.sourceCIDR === undefined) return [];
  const [address = "", text = ""] = match.sourceCIDR.split("/");
  const bits = Number(text);
  const network = maskedAddress(address, { v4Bits: bits, v6Bits: bits }) ?? match.sourceCIDR;
  const value = address.includes(":") ? { v6PrefixMaskLen: bits } : { v4PrefixMaskLen: bits };
  return [entry("masked_remote_address", network, { case: "maskedRemoteAddress", value })];
}

function distinctValue({ type, name = "" }: NonNullable<LimitRule["per"]>[number]): LimitEntry {
  switch (type) {
    case "Caller":
      return callerEntry("");
    case "SourceAddress":
      return entry("remote_address", "", { case: "remoteAddress", value: {} });
    case "Header":
      return headerValue(`header ${name.toLowerCase()}`, name.toLowerCase());
    case "Method":
      return headerValue("method", ":method");
    case "Path":
      return headerValue("path", ":path");
    case "Claim":
      return claimValue(name);
    case "QueryParam": {
      const key = `query ${name}`;
      const value = { queryParameterName: name, descriptorKey: key };
      return entry(key, "", { case: "queryParameters", value });
    }
  }
}

/** What the filter that verifies tokens, which stands before, has found. */
function claimValue(name: string): LimitEntry {
  const key = `claim ${name}`;
  const path = [JWT_PAYLOAD, ...name.split(".")].map((segment) => ({
    segment: { case: "key" as const, value: segment },
  }));
  return entry(key, "", {
    case: "metadata",
    value: { descriptorKey: key, metadataKey: { key: JWT_METADATA, path } },
  });
}

function headerValue(key: string, headerName: string): LimitEntry {
  return entry(key, "", { case: "requestHeaders", value: { headerName, descriptorKey: key } });
}

type ActionInit = Parameters<typeof create<typeof RateLimit_ActionSchema>>[1];
type SpecifierInit = NonNullable<NonNullable<ActionInit>["actionSpecifier"]>;

function entry(key: string, value: string, actionSpecifier: SpecifierInit): LimitEntry {
  return { key, value, action: create(RateLimit_ActionSchema, { actionSpecifier }) };
}
