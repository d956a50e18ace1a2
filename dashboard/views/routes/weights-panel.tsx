/** Other weights for a rule, seen before they hold: what each backend would get, what would be written, and by which command. */
import { useSignal } from "@preact/signals";
import type { ResourceListResponse, ResourceObject } from "../../../src/control-plane/api-types.ts";
import type { RouteTraffic } from "../../../src/control-plane/telemetry-types.ts";
import { formatRate, formatShare } from "../../core/format.ts";
import { useLive } from "../../core/live.ts";
import { parameter, setParameters } from "../../core/location.ts";
import { yamlOf } from "../../core/yaml.ts";
import { CliLine, CopyButton } from "../../ui/cli-line.tsx";
import { Loaded } from "../../ui/page.tsx";
import { YamlDiff } from "../../ui/yaml-diff.tsx";
import { ApplyOutcome, ApplyWeights, type Outcome } from "./apply-weights.tsx";
import {
  type BackendRef,
  isSplitRule,
  ruleIndex,
  rulesOf,
  splitCommand,
  weightOf,
  withWeights,
  written,
} from "./route-object.ts";
import { type RuleRef, rateOfRule } from "./rule-ref.ts";

/** Gateway API, HTTPBackendRef.weight. */
const WEIGHT_MAX = 1_000_000;

export interface WeightsPanelProps {
  readonly rule: RouteTraffic;
  readonly ruleOf: RuleRef;
  readonly all: readonly RouteTraffic[];
}

export function WeightsPanel({ rule, ruleOf, all }: WeightsPanelProps) {
  const { kind, namespace, name } = ruleOf;
  const live = useLive<ResourceObject>(`/resources/${kind.toLowerCase()}/${namespace}/${name}`);
  return (
    <section class="weights" aria-label={`Weights of ${kind} ${name}, rule ${ruleOf.rule}`}>
      <Loaded live={live} lines={3}>
        {(object) => {
          const index = ruleIndex(object, ruleOf);
          const backends = rulesOf(object)[index]?.backendRefs ?? [];
          return index < 0 ? (
            <p class="muted">The route has no such rule any more.</p>
          ) : (
            <Editor {...{ object, index, backends, rule, ruleOf, all }} />
          );
        }}
      </Loaded>
    </section>
  );
}

interface EditorProps extends WeightsPanelProps {
  readonly object: ResourceObject;
  readonly index: number;
  readonly backends: readonly BackendRef[];
}

function Editor({ object, index, backends, rule, ruleOf, all }: EditorProps) {
  const current = backends.map(weightOf);
  const chosen = useSignal<readonly number[]>(weightsOfAddress(current));
  const outcome = useSignal<Outcome>({ kind: "none" });
  const weights = chosen.value;
  const sum = total(weights);
  const after = withWeights(object, index, weights);
  const [before, text] = [yamlOf(written(object)), yamlOf(written(after))];
  const isChanged = before !== text;
  const problem = sum === 0 ? "All weights are 0, so every request would fail." : "";
  return (
    <>
      <WeightTable
        {...{ backends, current, weights, rate: rateOfRule(all, ruleOf) }}
        onWeight={(place, weight) => {
          chosen.value = weights.map((old, at) => (at === place ? weight : old));
        }}
        // The address follows when the hand rests: browsers bound how often it may change.
        onRest={() => setParameters({ weights: chosen.value.join(",") })}
      />
      {problem !== "" && (
        <p class="tone-bad" role="alert">
          {problem}
        </p>
      )}
      {isChanged && (
        <YamlDiff label="What would change in the object" before={before} after={text} />
      )}
      {isChanged && problem === "" ? (
        <div class="weights-how">
          <HowToWrite {...{ object, index, backends, weights, rule, all, text }} />
          <ApplyWeights object={after} text={text} outcome={outcome} />
        </div>
      ) : (
        <p class="muted">Choose other weights to see what would change.</p>
      )}
      <div role="status" class="weights-outcome">
        <ApplyOutcome outcome={outcome.value} />
      </div>
    </>
  );
}

function weightsOfAddress(current: readonly number[]): readonly number[] {
  const words = parameter("weights").split(",");
  const isWhole = words.length === current.length && words.every((word) => /^\d{1,7}$/.test(word));
  return isWhole ? words.map((word) => Math.min(WEIGHT_MAX, Number(word))) : current;
}

function total(weights: readonly number[]): number {
  return weights.reduce((sum, weight) => sum + weight, 0);
}

function WeightTable({
  backends,
  current,
  weights,
  rate,
  onWeight,
  onRest,
}: {
  readonly backends: readonly BackendRef[];
  readonly current: readonly number[];
  readonly weights: readonly number[];
  /** Requests a second of the rule. */
  readonly rate: number;
  readonly onWeight: (place: number, weight: number) => void;
  readonly onRest: () => void;
}) {
  const [oldSum, newSum] = [total(current), total(weights)];
  const most = Math.max(100, oldSum);
  return (
    <ul class="weight-list">
      {backends.map(({ name }, place) => {
        const [old, next] = [share(current[place], oldSum), share(weights[place], newSum)];
        const set = (text: string): void =>
          onWeight(place, Math.min(WEIGHT_MAX, Math.max(0, Math.round(Number(text) || 0))));
        return (
          <li key={name}>
            <span class="weight-name">{name}</span>
            <input
              type="range"
              min={0}
              max={most}
              value={weights[place] ?? 0}
              aria-label={`Weight of ${name}, as a slider`}
              onInput={({ currentTarget }) => set(currentTarget.value)}
              onChange={onRest}
            />
            <input
              type="number"
              min={0}
              max={WEIGHT_MAX}
              value={weights[place] ?? 0}
              aria-label={`Weight of ${name}`}
              onInput={({ currentTarget }) => set(currentTarget.value)}
              onChange={onRest}
            />
            <span class="weight-effect">
              {formatShare(old)} → <strong>{formatShare(next)}</strong>
            </span>
            <span class="weight-effect">
              {formatRate(old * rate)} → <strong>{formatRate(next * rate)}</strong> requests/s
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function share(weight = 0, sum = 0): number {
  return sum === 0 ? 0 : weight / sum;
}

function HowToWrite({
  object,
  index,
  backends,
  weights,
  rule,
  all,
  text,
}: Pick<EditorProps, "object" | "index" | "backends" | "rule" | "all"> & {
  readonly weights: readonly number[];
  readonly text: string;
}) {
  const { namespace, name } = object.metadata;
  const { data } = useLive<ResourceListResponse>("/resources/services", { namespace });
  if (!isSplitRule(object, index)) {
    return (
      <div class="weights-write">
        <p class="muted">
          <code>tulle split</code> divides the rule for every request. This one is for some, so the
          object itself is written.
        </p>
        <span class="weights-copy">
          <CliLine command={`tulle apply -f ${name}.yaml`} />
          <span>
            <CopyButton text={text} label="Copy the YAML" /> Copy the YAML
          </span>
        </span>
      </div>
    );
  }
  const routes = all.filter(
    ({ service, route }) =>
      service.name === rule.service.name &&
      service.namespace === rule.service.namespace &&
      route !== "default",
  );
  const isOnly = new Set(routes.map(({ route }) => route)).size <= 1;
  const versionOf = (backend: string): string | undefined => {
    const service = data?.items.find(({ metadata }) => metadata.name === backend);
    const selector = service?.spec["selector"] as Readonly<Record<string, string>> | undefined;
    const version = selector?.["version"];
    return backend === `${rule.service.name}-${version}` ? version : undefined;
  };
  const route = isOnly ? undefined : name;
  return (
    <CliLine
      command={splitCommand({ service: rule.service, backends, weights, versionOf, route })}
    />
  );
}
