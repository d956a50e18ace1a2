/**
 * Which protocols requests may switch to, compiled from Envoy's `upgrade_configs` of a listener or of a
 * route. A route overrides its listener, type by type.
 */
import type { FieldError } from "./field-error.ts";

/** Whether an Upgrade is allowed, by its value in lower case; `connect` stands for the method CONNECT. */
export type UpgradeRules = ReadonlyMap<string, boolean>;

export const NO_UPGRADES: UpgradeRules = new Map();

/** The fields that both messages of Envoy share. `enabled` is true where it is not set. */
export interface UpgradeConfig {
  readonly upgradeType: string;
  readonly enabled?: boolean | undefined;
}

export function compileUpgrades(
  configs: readonly UpgradeConfig[],
  path: string,
  errors: FieldError[],
): UpgradeRules {
  if (configs.length === 0) return NO_UPGRADES;
  const rules = new Map<string, boolean>();
  for (const [index, { upgradeType, enabled }] of configs.entries()) {
    const type = upgradeType.toLowerCase();
    const at = `${path}[${index}].upgrade_type`;
    // RFC 9110 section 7.8: one protocol, with a version or without. A list of several is refused as a whole.
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+(\/[!#$%&'*+.^_`|~0-9a-z-]+)?$/.test(type)) {
      errors.push({ path: at, message: 'a protocol is required, such as "websocket"' });
    } else if (rules.has(type)) {
      errors.push({ path: at, message: `${upgradeType} stands in two places` });
    } else if (type === "h2c" && enabled !== false) {
      // The codec passes over offers of h2c: such a rule would never do anything.
      errors.push({ path: at, message: "h2c is spoken with prior knowledge, not by an upgrade" });
    }
    rules.set(type, enabled ?? true);
  }
  return rules;
}

/** Whether a request may become a tunnel: its route decides, else its listener. `upgrade` is empty for CONNECT. */
export function allowsUpgrade(
  upgrade: string,
  route: UpgradeRules | undefined,
  listener: UpgradeRules,
): boolean {
  const type = upgrade === "" ? "connect" : upgrade.toLowerCase();
  return route?.get(type) ?? listener.get(type) ?? false;
}
