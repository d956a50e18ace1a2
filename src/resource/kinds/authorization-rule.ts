/** A rule of an AuthorizationPolicy: who (`from`), what (`to`) and under which conditions (`when`), with Istio's fields. */
import { isIP } from "node:net";
import { z } from "zod";
import type { DeepReadonly } from "../object.ts";
import { type LooseRecord, objectRule, type Report, stringRule } from "../rule.ts";

/** Values of one field: more than anybody writes by hand, few enough for every sidecar. */
const VALUES_MAX = 256;
const VALUE_LENGTH_MAX = 2_048;
const RULES_PER_LIST_MAX = 64;

/** Istio's forms: `x` exactly, `x*` by prefix, `*x` by suffix, `*` for anything that is there. */
const FORMS = "Exact, prefix (x*), suffix (*x) or present (*).";

function pattern() {
  return stringRule(z.string().min(1).max(VALUE_LENGTH_MAX), (text, report) => {
    if (!/^.+\*.+$/.test(text) && !/^\*.*\*$/.test(text.length > 1 ? text : "")) return;
    const message = "may have one * at its beginning or at its end";
    report({ path: [], code: "invalid-value", message, allowed: "x, x*, *x or *" });
  });
}

/** A path: the forms above, or a template with `{*}` for one segment and `{**}` for the rest. */
function pathPattern() {
  return stringRule(z.string().min(1).max(VALUE_LENGTH_MAX), (text, report) => {
    const problem = /[{}]/.test(text) ? templateProblem(text) : patternProblem(text);
    if (problem === undefined) return;
    report({
      path: [],
      code: "invalid-value",
      message: problem,
      allowed: "/x, /x*, *x, * or a template like /users/{*}/posts/{**}",
    });
  });
}

function patternProblem(text: string): string | undefined {
  if (/^.+\*.+$/.test(text) || (text.length > 1 && /^\*.*\*$/.test(text))) {
    return "may have one * at its beginning or at its end; {*} stands for one segment in between";
  }
  return text.startsWith("/") || text.startsWith("*") ? undefined : "must begin with / or *";
}

function templateProblem(text: string): string | undefined {
  if (!text.startsWith("/")) return "must begin with /";
  let hasTail = false;
  for (const segment of text.slice(1).split("/")) {
    if (segment === "{*}" || segment === "{**}") {
      if (hasTail) return "{**} must be the last of its kind";
      hasTail = segment === "{**}";
      continue;
    }
    if (/[{}*]/.test(segment)) return "{*} and {**} are segments of their own, without other stars";
    if (!/^[a-zA-Z0-9\-._~%!$&'()+,;:@=]*$/.test(segment)) {
      return "beside {*} and {**}, segments may have the characters of RFC 3986 section 3.3";
    }
  }
  return undefined;
}

const namespacePattern = pattern();

function addressBlock() {
  return stringRule(z.string().min(1).max(49), (text, report) => {
    const [address = "", bits, ...more] = text.split("/");
    const family = isIP(address);
    const most = family === 6 ? 128 : 32;
    const isBits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
    if (family !== 0 && more.length === 0 && isBits) return;
    report({
      path: [],
      code: "invalid-value",
      message: "must be an IP address, or a block of them",
      allowed: "192.0.2.1, 192.0.2.0/24, 2001:db8::/32",
    });
  });
}

const PORT_MAX = 65_535;

/** Istio writes ports as texts; numbers are taken, too. */
function port() {
  const text = stringRule(z.string().min(1).max(5), (value, report) => {
    if (isPort(value)) return;
    const message = "must be a port";
    report({ path: [], code: "invalid-value", message, allowed: `1 to ${PORT_MAX}` });
  });
  return z.union([z.int().min(1).max(PORT_MAX), text], { error: `a port: 1 to ${PORT_MAX}` });
}

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= PORT_MAX;
}

const serviceAccount = z
  .string()
  .min(1)
  .max(317)
  .regex(/^([a-z0-9][-a-z0-9]*\/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, {
    error: "a service account: name, or namespace/name, without wildcards",
  });

function values<T extends z.ZodType>(value: T) {
  return z.array(value).min(1).max(VALUES_MAX).optional();
}

const EXCLUDED = "None of these.";

export const authorizationSource = objectRule(
  z.strictObject({
    principals: values(pattern()).describe(
      `Identities of callers without spiffe://, as tulle.local/ns/shop/sa/web. ${FORMS}`,
    ),
    notPrincipals: values(pattern()).describe(EXCLUDED),
    requestPrincipals: values(pattern()).describe(
      `Users as their verified tokens say: issuer/subject. ${FORMS}`,
    ),
    notRequestPrincipals: values(pattern()).describe(EXCLUDED),
    namespaces: values(namespacePattern).describe(`Namespaces of callers. ${FORMS}`),
    notNamespaces: values(namespacePattern).describe(EXCLUDED),
    serviceAccounts: values(serviceAccount).describe(
      "Service accounts of callers: name in the policy's own namespace, or namespace/name.",
    ),
    notServiceAccounts: values(serviceAccount).describe(EXCLUDED),
    trustDomains: values(pattern()).describe(`Trust domains of callers. ${FORMS}`),
    notTrustDomains: values(pattern()).describe(EXCLUDED),
    ipBlocks: values(addressBlock()).describe(
      "Addresses from which connections come, as their packets say.",
    ),
    notIpBlocks: values(addressBlock()).describe(EXCLUDED),
    remoteIpBlocks: values(addressBlock()).describe(
      "Addresses of clients: a PROXY header or trusted hops of X-Forwarded-For tell them.",
    ),
    notRemoteIpBlocks: values(addressBlock()).describe(EXCLUDED),
  }),
  needsOne,
);

export const authorizationOperation = objectRule(
  z.strictObject({
    hosts: values(pattern()).describe(
      `Hosts of requests, in any case. A host without a port is meant with every port. ${FORMS}`,
    ),
    notHosts: values(pattern()).describe(EXCLUDED),
    ports: values(port()).describe("Ports at which the app listens."),
    notPorts: values(port()).describe(EXCLUDED),
    methods: values(pattern()).describe(`Methods of requests; of gRPC always POST. ${FORMS}`),
    notMethods: values(pattern()).describe(EXCLUDED),
    paths: values(pathPattern()).describe(
      `Paths as they are forwarded, without query; of gRPC /package.Service/Method. ${FORMS} Or a template: {*} stands for one segment, {**} for the rest.`,
    ),
    notPaths: values(pathPattern()).describe(EXCLUDED),
  }),
  needsOne,
);

/** Istio's keys. What is in brackets names a header or, nested, a claim. */
const CONDITION_KEYS =
  /^(source\.(ip|namespace|principal)|remote\.ip|request\.auth\.(principal|audiences|presenter)|destination\.(ip|port)|connection\.sni|request\.headers\[[!#$%&'*+\-.^_`|~0-9A-Za-z]+\]|request\.auth\.claims(\[[^[\]]+\])+)$/;

const ADDRESS_KEYS: readonly string[] = ["source.ip", "remote.ip", "destination.ip"];

export const authorizationCondition = objectRule(
  z.strictObject({
    key: z
      .string()
      .max(512)
      .regex(CONDITION_KEYS, {
        error:
          "source.ip, source.namespace, source.principal, remote.ip, request.headers[NAME], request.auth.principal, request.auth.audiences, request.auth.presenter, request.auth.claims[NAME], destination.ip, destination.port or connection.sni",
      })
      .describe("What is looked at. Nested claims: request.auth.claims[a][b]."),
    values: values(z.string().min(1).max(VALUE_LENGTH_MAX)).describe(`One of these. ${FORMS}`),
    notValues: values(z.string().min(1).max(VALUE_LENGTH_MAX)).describe(EXCLUDED),
  }),
  (condition, report) => {
    needsOneOf(condition, ["values", "notValues"], report);
    for (const field of ["values", "notValues"]) checkValues(condition, field, report);
  },
);

function checkValues(condition: LooseRecord, field: string, report: Report): void {
  const { key, [field]: list } = condition;
  if (typeof key !== "string" || !Array.isArray(list)) return;
  const { isValid, allowed } = valuesOf(key);
  for (const [index, value] of list.entries()) {
    if (typeof value !== "string" || isValid(value)) continue;
    const message = `is nothing that ${key} can be`;
    report({ path: [field, index], code: "invalid-value", message, allowed });
  }
}

interface ConditionValues {
  readonly isValid: (value: string) => boolean;
  readonly allowed: string;
}

function valuesOf(key: string): ConditionValues {
  if (ADDRESS_KEYS.includes(key)) {
    const schema = addressBlock();
    return {
      isValid: (value) => schema.safeParse(value).success,
      allowed: "192.0.2.1 or 192.0.2.0/24",
    };
  }
  if (key === "destination.port") return { isValid: isPort, allowed: `1 to ${PORT_MAX}` };
  const schema = pattern();
  return { isValid: (value) => schema.safeParse(value).success, allowed: "x, x*, *x or *" };
}

/** `from: [{source: {…}}]`, as in Istio. */
const from = z
  .array(z.strictObject({ source: authorizationSource }))
  .min(1)
  .max(RULES_PER_LIST_MAX);
const to = z
  .array(z.strictObject({ operation: authorizationOperation }))
  .min(1)
  .max(RULES_PER_LIST_MAX);
export const authorizationWhen = z.array(authorizationCondition).min(1).max(RULES_PER_LIST_MAX);

export const authorizationRule = z.strictObject({
  from: from.optional().describe("Any of these callers. Default: every caller."),
  to: to.optional().describe("Any of these operations. Default: every operation."),
  when: authorizationWhen.optional().describe("All of these must hold."),
});

/** Istio's bound. */
export const authorizationRules = z.array(authorizationRule).max(512);

export type AuthorizationSource = DeepReadonly<z.output<typeof authorizationSource>>;
export type AuthorizationOperation = DeepReadonly<z.output<typeof authorizationOperation>>;
export type AuthorizationCondition = DeepReadonly<z.output<typeof authorizationCondition>>;
export type AuthorizationRule = DeepReadonly<z.output<typeof authorizationRule>>;

/** One without any field would be for everybody or for everything: that is said by leaving the whole list out. */
function needsOne(value: LooseRecord, report: Report): void {
  if (Object.values(value).some((field) => field !== undefined)) return;
  report({ path: [], code: "missing-field", message: "needs at least one field" });
}

function needsOneOf(value: LooseRecord, names: readonly string[], report: Report): void {
  if (names.some((name) => value[name] !== undefined)) return;
  report({ path: [], code: "missing-field", message: `needs one of ${names.join(", ")}` });
}
