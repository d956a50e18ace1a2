/** The object that a route came from, read from its name as translation writes it. */
import type { RouteSource } from "./explain-types.ts";

const RULE_FORM = /^([A-Za-z]+)\/([^/]+)\/([^/]+)\/rule\/(.+)\/match\/(\d+)$/;
const OBJECT_FORM = /^([A-Z][A-Za-z]*)\/([^/]+)\/([^/]+)$/;

/** Null for names that another control plane gave. */
export function routeSource(name: string): RouteSource | null {
  const rule = RULE_FORM.exec(name);
  if (rule !== null) {
    const [, kind = "", namespace = "", object = "", ruleName = "", match = "0"] = rule;
    const number = /^\d+$/.test(ruleName) ? String(Number(ruleName) + 1) : ruleName;
    return { kind, namespace, name: object, rule: number, match: Number(match) + 1 };
  }
  const object = OBJECT_FORM.exec(name);
  if (object === null) return null;
  const [, kind = "", namespace = "", own = ""] = object;
  return { kind, namespace, name: own, rule: null, match: null };
}
