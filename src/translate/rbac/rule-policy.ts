/**
 * One rule of an AuthorizationPolicy as a policy of Envoy's RBAC: what a request does are its permissions, who sends it
 * its principals. On TCP there are no requests: in ALLOW a rule that looks at them never matches, elsewhere it goes by
 * its other fields, so that it denies, or audits, more rather than less.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { CidrRangeSchema } from "../../gen/envoy/config/core/v3/address_pb.js";
import {
  type Permission,
  type Policy,
  PolicySchema,
  type Principal,
} from "../../gen/envoy/config/rbac/v3/rbac_pb.js";
import type { StringMatcher } from "../../gen/envoy/type/matcher/v3/string_pb.js";
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationRule,
  AuthorizationSource,
} from "../../resource/kinds/authorization-rule.ts";
import {
  claimValueMatcher,
  headerMatcher,
  hostPermissions,
  namespaceMatcher,
  pathPermission,
  permission,
  principal,
  principalMatcher,
  serviceAccountMatcher,
  stringMatcher,
  trustDomainMatcher,
} from "./value-matchers.ts";

export interface RuleContext {
  /** Of the policy: names without a namespace are meant there. */
  readonly namespace: string;
  readonly isForTcp: boolean;
  /** Whether the rule allows, so that it must not match by what it does not know. */
  readonly isAllow: boolean;
  readonly port: RulePort;
}

/** Rules speak of the port at which the app listens; the sidecar takes its connections at another one. */
export interface RulePort {
  readonly app: number;
  readonly listener: number;
}

/** No connection comes to it. */
const NO_PORT = 0;

/** Where the filter for users' tokens leaves their claims. */
const JWT_METADATA = "envoy.filters.http.jwt_authn";
const JWT_PAYLOAD = "payload";

/** One field with its values, and what matches one of them. */
interface Field<T> {
  readonly isHttp: boolean;
  readonly values: readonly string[] | undefined;
  readonly notValues: readonly string[] | undefined;
  readonly match: (value: string) => readonly T[];
  /** Where one matcher takes all values. */
  readonly matchAll?: (values: readonly string[]) => T;
}

/** What combines matchers of one kind. */
interface Algebra<T> {
  readonly any: T;
  readonly allOf: (parts: readonly T[]) => T;
  readonly oneOf: (parts: readonly T[]) => T;
  readonly not: (part: T) => T;
}

const PERMISSIONS: Algebra<Permission> = {
  any: permission({ case: "any", value: true }),
  allOf: (rules) => permission({ case: "andRules", value: { rules: [...rules] } }),
  oneOf: (rules) => permission({ case: "orRules", value: { rules: [...rules] } }),
  not: (value) => permission({ case: "notRule", value }),
};

const PRINCIPALS: Algebra<Principal> = {
  any: principal({ case: "any", value: true }),
  allOf: (ids) => principal({ case: "andIds", value: { ids: [...ids] } }),
  oneOf: (ids) => principal({ case: "orIds", value: { ids: [...ids] } }),
  not: (value) => principal({ case: "notId", value }),
};

/** What matches nothing: that there is a policy, and it lets nothing in, has a name. */
export function neverMatches(): Policy {
  return create(PolicySchema, {
    permissions: [PERMISSIONS.not(PERMISSIONS.any)],
    principals: [PRINCIPALS.not(PRINCIPALS.any)],
  });
}

/** What matches everything. */
export function alwaysMatches(): Policy {
  return create(PolicySchema, { permissions: [PERMISSIONS.any], principals: [PRINCIPALS.any] });
}

/** Undefined for a rule that never matches here. */
export function rulePolicy(rule: AuthorizationRule, context: RuleContext): Policy | undefined {
  const { from = [], to = [], when = [] } = rule;
  const { port, namespace } = context;
  const permissionFields = when.flatMap((condition) => conditionPermission(condition, port) ?? []);
  const principalFields = when.flatMap((condition) => conditionPrincipal(condition) ?? []);
  const permissions = (to.length === 0 ? [undefined] : to).map((entry) => {
    const own = entry === undefined ? [] : operationFields(entry.operation, port);
    return joined([...own, ...permissionFields], PERMISSIONS, context);
  });
  const principals = (from.length === 0 ? [undefined] : from).map((entry) => {
    const own = entry === undefined ? [] : sourceFields(entry.source, namespace);
    return joined([...own, ...principalFields], PRINCIPALS, context);
  });
  const all = [...permissions, ...principals];
  if (all.includes(undefined)) return undefined;
  return create(PolicySchema, {
    permissions: permissions as Permission[],
    principals: principals as Principal[],
  });
}

/** All fields of one entry; undefined where one of them rules a match out. */
function joined<T>(
  fields: readonly Field<T>[],
  algebra: Algebra<T>,
  { isForTcp, isAllow }: RuleContext,
): T | undefined {
  const parts: T[] = [];
  for (const { isHttp, values, notValues, match, matchAll } of fields) {
    if (values === undefined && notValues === undefined) continue;
    if (isHttp && isForTcp) {
      if (isAllow) return undefined;
      continue;
    }
    const oneOf = (list: readonly string[]): T =>
      matchAll === undefined ? algebra.oneOf(list.flatMap(match)) : matchAll(list);
    if (values !== undefined) parts.push(oneOf(values));
    if (notValues !== undefined) parts.push(algebra.not(oneOf(notValues)));
  }
  return algebra.allOf(parts.length === 0 ? [algebra.any] : parts);
}

function operationFields(
  operation: AuthorizationOperation,
  port: RulePort,
): readonly Field<Permission>[] {
  const { hosts, notHosts, methods, notMethods, paths, notPaths, ports, notPorts } = operation;
  return [
    { isHttp: true, values: hosts, notValues: notHosts, match: hostPermissions },
    {
      isHttp: true,
      values: methods,
      notValues: notMethods,
      match: (value) => [permission({ case: "header", value: headerMatcher(":method", value) })],
    },
    {
      isHttp: true,
      values: paths,
      notValues: notPaths,
      match: (value) => [pathPermission(value)],
    },
    portField(port, ports?.map(String), notPorts?.map(String)),
  ];
}

function portField(
  { app, listener }: RulePort,
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
): Field<Permission> {
  const match = (text: string) => {
    const value = Number(text) === app ? listener : NO_PORT;
    return [permission({ case: "destinationPort", value })];
  };
  return { isHttp: false, values, notValues, match };
}

function sourceFields(source: AuthorizationSource, namespace: string): readonly Field<Principal>[] {
  return [
    authenticatedField(source.principals, source.notPrincipals, principalMatcher),
    {
      isHttp: true,
      values: source.requestPrincipals,
      notValues: source.notRequestPrincipals,
      match: (value) => [requestPrincipal(value)],
    },
    authenticatedField(source.namespaces, source.notNamespaces, namespaceMatcher),
    authenticatedField(source.serviceAccounts, source.notServiceAccounts, (value) =>
      serviceAccountMatcher(value, namespace),
    ),
    authenticatedField(source.trustDomains, source.notTrustDomains, trustDomainMatcher),
    addressField("remoteIp", source.remoteIpBlocks, source.notRemoteIpBlocks),
    addressField("directRemoteIp", source.ipBlocks, source.notIpBlocks),
  ];
}

function authenticatedField(
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  matcher: (value: string) => StringMatcher,
): Field<Principal> {
  return {
    isHttp: false,
    values,
    notValues,
    match: (value) => [
      principal({ case: "authenticated", value: { principalName: matcher(value) } }),
    ],
  };
}

function addressField(
  kind: "remoteIp" | "directRemoteIp",
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
): Field<Principal> {
  const match = (value: string) => [principal({ case: kind, value: addressRange(value) })];
  return { isHttp: false, values, notValues, match };
}

function addressRange(text: string): MessageInitShape<typeof CidrRangeSchema> {
  const [addressPrefix = "", bits] = text.split("/");
  const whole = addressPrefix.includes(":") ? 128 : 32;
  return { addressPrefix, prefixLen: bits === undefined ? whole : Number(bits) };
}

function conditionPermission(
  condition: AuthorizationCondition,
  port: RulePort,
): Field<Permission> | undefined {
  const { key, values, notValues } = condition;
  switch (key) {
    case "destination.ip":
      return {
        isHttp: false,
        values,
        notValues,
        match: (value) => [permission({ case: "destinationIp", value: addressRange(value) })],
      };
    case "destination.port":
      return portField(port, values, notValues);
    case "connection.sni":
      return {
        isHttp: false,
        values,
        notValues,
        match: (value) => [
          permission({ case: "requestedServerName", value: stringMatcher(value) }),
        ],
      };
    default:
      return undefined;
  }
}

function conditionPrincipal(condition: AuthorizationCondition): Field<Principal> | undefined {
  const { key, values, notValues } = condition;
  switch (key) {
    case "source.ip":
      return addressField("directRemoteIp", values, notValues);
    case "remote.ip":
      return addressField("remoteIp", values, notValues);
    case "source.namespace":
      return authenticatedField(values, notValues, namespaceMatcher);
    case "source.principal":
      return authenticatedField(values, notValues, principalMatcher);
    case "request.auth.principal":
      return {
        isHttp: true,
        values,
        notValues,
        match: (value) => [requestPrincipal(value)],
      };
    case "request.auth.audiences":
      return claimField(["aud"], values, notValues);
    case "request.auth.presenter":
      return claimField(["azp"], values, notValues);
    default:
      break;
  }
  const names = [...key.matchAll(/\[([^[\]]+)\]/g)].map(([, name]) => name ?? "");
  if (key.startsWith("request.auth.claims")) return claimField(names, values, notValues);
  if (!key.startsWith("request.headers")) return undefined;
  const [header = ""] = names;
  return {
    isHttp: true,
    values,
    notValues,
    match: (value) => [principal({ case: "header", value: headerMatcher(header, value) })],
  };
}

function claimField(
  claim: readonly string[],
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
): Field<Principal> {
  const matchAll = (list: readonly string[]): Principal =>
    claimPrincipal(
      claim,
      list.map((value) => stringMatcher(value)),
    );
  return { isHttp: true, values, notValues, match: () => [], matchAll };
}

function claimPrincipal(claim: readonly string[], matchers: readonly StringMatcher[]): Principal {
  return principal({
    case: "metadata",
    value: {
      filter: JWT_METADATA,
      path: [JWT_PAYLOAD, ...claim].map((value) => ({ segment: { case: "key", value } })),
      value: claimValueMatcher(matchers),
    },
  });
}

/** `issuer/subject`: an issuer may be a URL, so that the last slash parts them. */
function requestPrincipal(value: string): Principal {
  const [issuer, subject] = issuerAndSubject(value);
  return PRINCIPALS.allOf([
    claimPrincipal(["iss"], [stringMatcher(issuer)]),
    claimPrincipal(["sub"], [stringMatcher(subject)]),
  ]);
}

function issuerAndSubject(value: string): readonly [string, string] {
  if (value === "*") return ["*", "*"];
  const slash = value.lastIndexOf("/");
  if (slash >= 0) return [value.slice(0, slash), value.slice(slash + 1)];
  if (value.startsWith("*")) return ["*", value];
  return value.endsWith("*") ? [value, "*"] : [value, ""];
}
