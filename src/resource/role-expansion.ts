/** Roles and bindings of an AuthorizationPolicy as the rules that they stand for. Kept apart from the schemas, which take long to load. */
import type { AuthorizationBinding, AuthorizationRole } from "./kinds/authorization-roles.ts";
import type { AuthorizationRule } from "./kinds/authorization-rule.ts";

interface RoleSugar {
  readonly rules?: readonly AuthorizationRule[] | undefined;
  readonly roles?: readonly AuthorizationRole[] | undefined;
  readonly bindings?: readonly AuthorizationBinding[] | undefined;
}

/** The rules of a policy, with those that its bindings become. */
export function expandedRules({
  rules = [],
  roles = [],
  bindings = [],
}: RoleSugar): readonly AuthorizationRule[] {
  const byName = new Map(roles.map((one) => [one.name, one]));
  const bound = bindings.flatMap(({ role: name, subjects, when }) => {
    const found = byName.get(name);
    if (found === undefined) return [];
    return [
      {
        from: subjects.map((source) => ({ source })),
        to: found.operations.map((operation) => ({ operation })),
        ...(when === undefined ? {} : { when }),
      },
    ];
  });
  return [...rules, ...bound];
}
