/**
 * One condition of a policy, compiled: a tree of tests that the proxy runs, which can say in words which of its leaves
 * decided. `and`, `or` and `not` are Envoy's sets; leaves look at the request or at its connection.
 */
import type { RequestView } from "../request-view.ts";
import type { RbacConnection } from "./rbac-connection.ts";

export type ConditionTest = (request: RequestView, connection: RbacConnection) => boolean;

export interface Condition {
  readonly kind: "leaf" | "and" | "or" | "not";
  readonly test: ConditionTest;
  /** Of a leaf: none. Of `not`: one. */
  readonly parts: readonly Condition[];
  /** Of a leaf alone. */
  readonly text: LeafText | undefined;
  /** Of a leaf that looks at the peer's identity and at nothing else. */
  readonly ofPrincipal: ((principal: string) => boolean) | undefined;
}

/** A leaf in words: `path is /admin, wanted prefix /items`. */
export interface LeafText {
  /** `path`, `header x-user`, `principal`. */
  readonly subject: string;
  /** `prefix /items`, `present`. */
  readonly wanted: string;
  /** What there is instead: `/admin`, `missing`. */
  found(request: RequestView, connection: RbacConnection): string;
}

/** The subject of leaves that look at the peer's identity. */
export const PRINCIPAL = "principal";

export function leaf(test: ConditionTest, text: LeafText): Condition {
  return { kind: "leaf", test, parts: [], text, ofPrincipal: undefined };
}

/** A leaf that looks at the peer's identity alone. */
export function principalLeaf(test: (principal: string) => boolean, text: LeafText): Condition {
  return {
    kind: "leaf",
    test: (_, { peerPrincipal }) => test(peerPrincipal),
    parts: [],
    text,
    ofPrincipal: test,
  };
}

export function always(subject: string): Condition {
  return {
    ...leaf(() => true, { subject, wanted: "any", found: () => "any" }),
    ofPrincipal: () => true,
  };
}

/** What an invalid message becomes: an error has been reported, and nothing may be allowed by it. */
export function never(subject: string): Condition {
  return leaf(() => false, { subject, wanted: "nothing", found: () => "any" });
}

export function allOf(parts: readonly Condition[]): Condition {
  if (parts.length === 1) return parts[0]!;
  const tests = parts.map(({ test }) => test);
  const test: ConditionTest = (request, connection) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i]!(request, connection)) return false;
    return true;
  };
  return { kind: "and", test, parts, text: undefined, ofPrincipal: undefined };
}

export function anyOf(parts: readonly Condition[]): Condition {
  if (parts.length === 1) return parts[0]!;
  const tests = parts.map(({ test }) => test);
  const test: ConditionTest = (request, connection) => {
    for (let i = 0; i < tests.length; i++) if (tests[i]!(request, connection)) return true;
    return false;
  };
  return { kind: "or", test, parts, text: undefined, ofPrincipal: undefined };
}

export function noneOf(part: Condition): Condition {
  const { test: inner } = part;
  return {
    kind: "not",
    test: (request, connection) => !inner(request, connection),
    parts: [part],
    text: undefined,
    ofPrincipal: undefined,
  };
}

/** Whether a condition looks at the peer's identity at all. */
export function asksWho({ kind, parts, ofPrincipal, text }: Condition): boolean {
  return kind === "leaf"
    ? ofPrincipal !== undefined && text?.subject === PRINCIPAL
    : parts.some(asksWho);
}

/** What a peer's identity alone tells of a condition; undefined where the rest decides. */
export function knownOfPrincipal(condition: Condition, principal: string): boolean | undefined {
  const { kind, parts, ofPrincipal } = condition;
  switch (kind) {
    case "leaf":
      return ofPrincipal?.(principal);
    case "not": {
      const inner = knownOfPrincipal(parts[0]!, principal);
      return inner === undefined ? undefined : !inner;
    }
    case "and":
    case "or": {
      // One part decides: a false one of `and`, a true one of `or`.
      const deciding = kind === "or";
      let isKnown = true;
      for (const part of parts) {
        const known = knownOfPrincipal(part, principal);
        if (known === deciding) return deciding;
        if (known === undefined) isKnown = false;
      }
      return isKnown ? !deciding : undefined;
    }
  }
}
