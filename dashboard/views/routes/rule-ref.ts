/** Which rule of which object a route's figures are about, told by the name that requests carry. */
import type { RouteTraffic } from "../../../src/control-plane/telemetry-types.ts";

export interface RuleRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Its name, or its place in the object, from 0. */
  readonly rule: string;
  /** All matches of the rule begin so. */
  readonly prefix: string;
}

const NAME = /^((\w+)\/([^/]+)\/([^/]+)\/rule\/([^/]+)\/)match\/\d+$/;

/** Undefined where no object says how requests go. */
export function ruleRef(routeName: string): RuleRef | undefined {
  const [, prefix = "", kind = "", namespace = "", name = "", rule = ""] =
    NAME.exec(routeName) ?? [];
  return prefix === "" ? undefined : { kind, namespace, name, rule, prefix };
}

/** Whether an observed share is further from the wanted one than chance explains: three standard deviations and a point. */
export function isOff({
  configuredShare,
  observedShare,
  requests,
}: {
  readonly configuredShare: number;
  readonly observedShare: number | null;
  readonly requests: number;
}): boolean {
  if (observedShare === null || requests === 0) return false;
  const deviation = Math.sqrt((configuredShare * (1 - configuredShare)) / requests);
  return Math.abs(observedShare - configuredShare) > 3 * deviation + 0.01;
}

/** Requests a second of the rule: its matches together. */
export function rateOfRule(routes: readonly RouteTraffic[], { prefix }: RuleRef): number {
  return routes
    .filter(({ name }) => name.startsWith(prefix))
    .reduce((sum, { traffic }) => sum + traffic.requestsPerSecond, 0);
}
