/**
 * Envoy as oracle: both proxies start from one bootstrap file and from one ADS server, every request of the corpus
 * is sent to both, and what they do is compared. `differences.ts` lists what may differ.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { Explainer, type Mismatch, mismatchesOf, outcomeOf } from "./comparison.ts";
import { corpus } from "./corpus/corpus.ts";
import { meshFiles } from "./corpus/mesh.ts";
import { tcpCases } from "./corpus/tcp.ts";
import { DIFFERENCES } from "./differences.ts";
import type { Observation } from "./observation.ts";
import type { ForBoth } from "./proxy-pair.ts";
import { isStatic, type MeshRun, runMeshes, runStatic } from "./run.ts";
import { runTcp } from "./tcp.ts";

const envoy = await envoyOrSkip();
const staticCases = corpus.filter(isStatic);
const meshCases = corpus.filter((wanted) => !isStatic(wanted));

describe("Envoy and Tulle", { skip: envoy.skip ?? false }, () => {
  const explainer = new Explainer(DIFFERENCES);
  let observations: ReadonlyMap<string, ForBoth<Observation>>;
  let meshes: MeshRun;

  before(async () => {
    assert.ok(envoy.path !== undefined);
    const [fromFile, fromTcp, fromMeshes] = await Promise.all([
      runStatic(envoy.path, staticCases),
      runTcp(envoy.path, tcpCases),
      runMeshes(envoy.path, meshFiles, meshCases),
    ]);
    observations = new Map([...fromFile, ...fromTcp, ...fromMeshes.observations]);
    meshes = fromMeshes;
  });

  for (const file of meshFiles) {
    test(`both accept ${file}, and all of it is in force`, () => {
      assert.deepEqual(meshes.refusals.get(file), []);
    });
  }

  const all: readonly { readonly id: string }[] = [...corpus, ...tcpCases];
  for (const group of new Set(all.map(groupOf))) {
    const cases = all.filter((wanted) => groupOf(wanted) === group);
    test(`both do the same: ${group} (${cases.length} cases)`, () => {
      const reports = cases.flatMap(({ id }) => report(id, explainer, observations.get(id)));
      assert.equal(reports.length, 0, `\n${reports.join("\n")}\n`);
    });
  }

  test("every difference that is listed still occurs", () => {
    assert.deepEqual(explainer.unseen, []);
  });
});

function groupOf({ id }: { readonly id: string }): string {
  return id.slice(0, id.lastIndexOf("/"));
}

function report(
  id: string,
  explainer: Explainer,
  observed: ForBoth<Observation> | undefined,
): readonly string[] {
  if (observed === undefined) return [`${id} was not run`];
  const unexplained = explainer.unexplained(id, mismatchesOf(id, observed), observed);
  if (unexplained.length === 0) return [];
  const { envoy: theirs, tulle: ours } = observed;
  return [`${id}: Envoy ${outcomeOf(theirs)}; Tulle ${outcomeOf(ours)}`, ...unexplained.map(line)];
}

function line({ field, envoy: theirs, tulle: ours }: Mismatch): string {
  return `  ${field}: Envoy ${JSON.stringify(theirs) ?? "nothing"}; Tulle ${JSON.stringify(ours) ?? "nothing"}`;
}
