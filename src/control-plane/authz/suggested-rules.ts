/** The least that lets observed calls of one Service in: a rule for each caller. Pure. */
import { groupBy } from "../../core/group-by.ts";
import type { AuthorizationOperation } from "../../resource/kinds/authorization-rule.ts";
import { compareText } from "../../translate/names.ts";
import type { SuggestLevel } from "../authz-types.ts";

/** A call to be let in. */
export interface AllowedCall {
  readonly principal: string;
  /** Where the app listens; undefined where one port is all that the Service has. */
  readonly appPort: number | undefined;
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly count: number;
}

export interface SuggestedRule {
  readonly from: readonly [{ readonly source: { readonly principals: readonly [string] } }];
  readonly to?: readonly { readonly operation: AuthorizationOperation }[];
}

export interface CallerRule {
  readonly principal: string;
  readonly count: number;
  readonly rule: SuggestedRule;
}

/** Of one field in a policy. */
const VALUES_MAX = 256;
const OPERATIONS_MAX = 64;

/** In the order of callers' names. */
export function callerRules(
  calls: readonly AllowedCall[],
  level: SuggestLevel,
): readonly CallerRule[] {
  const callers = groupBy(calls, ({ principal }) => principal);
  return [...callers]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([principal, own]) => ({
      principal,
      count: own.reduce((sum, { count }) => sum + count, 0),
      rule: ruleOf(principal, own, level),
    }));
}

function ruleOf(
  principal: string,
  calls: readonly AllowedCall[],
  level: SuggestLevel,
): SuggestedRule {
  // Policies name identities without the scheme, as Istio's do.
  const from = [
    { source: { principals: [principal.replace(/^spiffe:\/\//, "")] as const } },
  ] as const;
  const operations = operationsOf(calls, level);
  if (operations === undefined) return { from };
  return { from, to: operations.map((operation) => ({ operation })) };
}

/** Undefined: any. */
function operationsOf(
  calls: readonly AllowedCall[],
  level: SuggestLevel,
): readonly AuthorizationOperation[] | undefined {
  const operations: AuthorizationOperation[] = [];
  const byPort = groupBy(calls, ({ appPort }) => appPort);
  for (const [port, own] of byPort) {
    const ports = port === undefined ? {} : { ports: [port] };
    const isConnection = own.some(({ method }) => method === undefined);
    if (level === "identity" || isConnection) {
      if (port === undefined) return undefined;
      operations.push(ports);
    } else if (level === "method") operations.push({ ...ports, methods: sorted(own, "method") });
    else operations.push(...pathOperations(own).map((one) => ({ ...ports, ...one })));
  }
  // Beyond what a rule can hold less is said: who calls, and where.
  if (operations.length <= OPERATIONS_MAX) return operations;
  return operationsOf(calls, level === "path" ? "method" : "identity");
}

/** Paths that are asked with the same methods stand together. */
function pathOperations(
  calls: readonly AllowedCall[],
): readonly { readonly methods: string[]; readonly paths: string[] }[] {
  const byPath = groupBy(calls, ({ path }) => path ?? "");
  const methodsOf = [...byPath].map(([path, own]) => ({ path, methods: sorted(own, "method") }));
  const byMethods = groupBy(methodsOf, ({ methods }) => methods.join(" "));
  return [...byMethods]
    .toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([, own]) => {
      const paths = own.map(({ path }) => path).toSorted(compareText);
      return chunks(paths).map((some) => ({ methods: own[0]?.methods ?? [], paths: some }));
    });
}

function sorted(calls: readonly AllowedCall[], field: "method"): string[] {
  return [...new Set(calls.map((call) => call[field] ?? ""))].toSorted(compareText);
}

function chunks(values: readonly string[]): string[][] {
  const count = Math.ceil(values.length / VALUES_MAX);
  return Array.from({ length: count }, (_, i) =>
    values.slice(i * VALUES_MAX, (i + 1) * VALUES_MAX),
  );
}
