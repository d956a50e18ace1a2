/**
 * Decides what `tulle rollout start SERVICE VERSION` writes, without writing it: the Rollout of the service, made or
 * turned to the new version, and the Services of versions that do not exist yet.
 */
import type { Rollout, RolloutSpec } from "../../resource/kinds/rollout.ts";
import type { Service } from "../../resource/kinds/service.ts";
import { failedError, usageError } from "../errors.ts";
import { resolveBackend, VERSION_LABEL, type VersionCatalog } from "../split/version-services.ts";

export interface StartRequest {
  readonly service: Service;
  /** Of the same namespace. */
  readonly services: readonly Service[];
  readonly rollouts: readonly Rollout[];
  readonly runningVersions: readonly string[];
  /** The version that is to get the requests. */
  readonly to: string;
  /** `--from`. */
  readonly from: string | undefined;
  /** What the flags say of the strategy; undefined: as it was, or the default. */
  readonly strategy: RolloutSpec["strategy"] | undefined;
  /** What the flags say of the gates. */
  readonly analysis: RolloutSpec["analysis"] | undefined;
}

export interface StartPlan {
  readonly rollout: Pick<Rollout, "apiVersion" | "kind" | "metadata"> & { readonly spec: object };
  readonly newServices: readonly Service[];
}

/** Small enough to harm few, long enough to see something. */
const DEFAULT_STEPS = [10, 50];
const DEFAULT_PAUSE = "1m";

export function planStart(request: StartRequest): StartPlan {
  const { service, services, runningVersions, to } = request;
  const { name, namespace } = service.metadata;
  const selector = service.spec.selector ?? {};
  if (Object.keys(selector).length === 0 || selector[VERSION_LABEL] !== undefined) {
    throw failedError(
      `service ${name} ${selector[VERSION_LABEL] === undefined ? "has no selector" : "is one version"}, so there is nothing to roll out`,
      "name the service that all versions share",
    );
  }
  const existing = request.rollouts.find(({ spec }) => spec.targetRef.name === name);
  const state = existing?.status?.rollout;
  const live = state?.phase === "Succeeded" ? state.canaryService : state?.stableService;
  const catalog: VersionCatalog = {
    parent: service,
    services: services.filter((one) => one !== service),
    runningVersions,
    currentBackends: live === undefined ? [] : [live],
  };
  const canary = resolveBackend(catalog, to);
  const from = request.from ?? live ?? onlyOther(request, canary.version);
  const stable = resolveBackend(catalog, from);
  const [stableName, canaryName] = [stable, canary].map((one) => one.service.metadata.name);
  if (stableName === canaryName) {
    throw failedError(
      `${canaryName} has every request of ${name} already`,
      "name another version, or another one with --from",
    );
  }
  return {
    newServices: [stable, canary].filter(({ isNew }) => isNew).map((one) => one.service),
    rollout: {
      apiVersion: "mesh.tulle.dev/v1",
      kind: "Rollout",
      metadata: existing?.metadata ?? { name, namespace, labels: {}, annotations: {} },
      spec: {
        ...existing?.spec,
        targetRef: { group: "", kind: "Service", name },
        stableService: stableName,
        canaryService: canaryName,
        strategy:
          request.strategy ?? existing?.spec.strategy ?? canarySteps(DEFAULT_STEPS, DEFAULT_PAUSE),
        ...(request.analysis === undefined ? {} : { analysis: request.analysis }),
        paused: false,
      },
    },
  };
}

/** Undefined: each step lasts until it is promoted. */
export function canarySteps(
  weights: readonly number[],
  pause: string | undefined,
): RolloutSpec["strategy"] {
  const each = pause === undefined ? {} : { duration: pause };
  return { canary: { steps: weights.map((setWeight) => ({ setWeight, pause: each })) } };
}

/** The version that has the requests, when there are but two. */
function onlyOther({ service, runningVersions }: StartRequest, canary: string): string {
  const others = runningVersions.filter((version) => version !== canary);
  const [only, ...more] = others;
  if (only !== undefined && more.length === 0) return only;
  const { name } = service.metadata;
  throw usageError(
    others.length === 0
      ? `no other version of ${name} runs, so nobody knows which one has the requests`
      : `several versions of ${name} run besides it: ${others.join(", ")}`,
    "say with --from which one has the requests",
  );
}
