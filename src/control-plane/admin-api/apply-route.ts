/** `apply`: all documents are judged, then all are written in one revision, or none. */
import { Hono } from "hono";
import { hasCode } from "../../core/errors.ts";
import type { ParsedDocument } from "../../resource/documents.ts";
import { parseDocuments } from "../../resource/documents.ts";
import type { AnyObject } from "../../resource/kind-map.ts";
import { formatKey, keyOf } from "../../resource/object.ts";
import type { Violation } from "../../resource/violation.ts";
import type { ChangeResult } from "../../store/store.ts";
import type { Principal } from "../access/principal.ts";
import { quotaProblem } from "../access/quotas.ts";
import { isAtLeast, writerOf } from "../access/roles.ts";
import type { DocumentViolation } from "../api-error-types.ts";
import type { AppliedObject, ApplyRequest, ApplyResponse } from "../api-types.ts";
import { changeEvent } from "../audit/object-change.ts";
import { type MeshFinding, withChecks } from "../mesh-finding.ts";
import { createValidationMetrics, type ValidationMetrics } from "../metrics.ts";
import { buildSnapshot } from "../snapshot-builder.ts";
import { denied } from "./access-guard.ts";
import type { AdminApiDeps } from "./admin-api-deps.ts";
import type { AdminEnv } from "./admin-env.ts";
import { apiError } from "./api-error.ts";
import { findingView } from "./finding-view.ts";
import { readBody } from "./request-body.ts";
import { parseBody, REQUEST_SCHEMAS } from "./request-schemas.ts";

/** The store's words in those of kubectl. */
const ACTIONS = {
  created: "created",
  updated: "configured",
  unchanged: "unchanged",
  deleted: "configured",
} as const satisfies Record<ChangeResult["outcome"], AppliedObject["action"]>;

export function applyRoute(deps: AdminApiDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  const validations = createValidationMetrics(deps.metrics);
  app.post("/apply", async (context) => {
    const request = parseBody(REQUEST_SCHEMAS.ApplyRequest, await readBody(context.req.raw));
    context.set("audited", { isTold: true });
    return context.json(await apply(deps, validations, request, context.get("principal")));
  });
  return app;
}

async function apply(
  deps: AdminApiDeps,
  validations: ValidationMetrics,
  request: ApplyRequest,
  principal: Principal,
): Promise<ApplyResponse> {
  const dryRun = request.dryRun ?? false;
  const documents = readDocuments(deps, validations, request);
  if (documents.length === 0) {
    throw apiError("bad_request", "there is nothing to apply: no document in any file", {
      hint: "a file holds YAML or JSON documents with apiVersion, kind, metadata and spec",
    });
  }
  judgeAccess(deps, documents, principal);
  const before = await Promise.all(documents.map(({ object }) => stored(deps, object)));
  const changes = documents.map(({ object }) => ({ type: "put", object }) as const);
  const { revision, results } = await deps.store
    .apply(changes, { dryRun })
    .catch((error: unknown) => {
      throw hasCode(error, "invalid") ? apiError("bad_request", error.message) : error;
    });
  const applied = results.map(({ object }) => object);
  for (const [index, { outcome, object: after }] of dryRun ? [] : results.entries()) {
    if (outcome === "unchanged") continue;
    const action = outcome === "created" ? "created" : "configured";
    const change = { action, before: before[index], after, revision } as const;
    deps.audit.record(changeEvent(principal, change));
  }
  return {
    dryRun,
    revision,
    objects: documents.map((document, index): AppliedObject => {
      const { object, file, documentIndex } = document;
      const action = ACTIONS[results[index]?.outcome ?? "unchanged"];
      return { ...keyOf(object), apiVersion: object.apiVersion, action, file, documentIndex };
    }),
    findings: judge(deps, applied, revision).map(findingView),
  };
}

/** Whether this role may write these kinds, and whether there is room for them. */
function judgeAccess(
  deps: AdminApiDeps,
  documents: readonly ParsedDocument[],
  principal: Principal,
): void {
  const objects = documents.map(({ object }) => object);
  const closed = objects.find(({ kind }) => !isAtLeast(principal.role, writerOf(kind)));
  if (closed !== undefined) {
    const what = `changing ${formatKey(keyOf(closed))}`;
    throw denied(deps, principal, { needed: writerOf(closed.kind), what });
  }
  const problem = quotaProblem(objects, deps.objects);
  if (problem !== undefined) {
    throw apiError("quota_exceeded", `${problem.message}; nothing was written`, {
      hint: problem.hint,
    });
  }
}

function stored(deps: AdminApiDeps, object: AnyObject): Promise<AnyObject | undefined> {
  const { kind, namespace, name } = keyOf(object);
  return deps.store.get(kind, namespace, name);
}

/** Throws `invalid` with every violation of every file. */
function readDocuments(
  deps: AdminApiDeps,
  { passed, failed }: ValidationMetrics,
  request: ApplyRequest,
): readonly ParsedDocument[] {
  const parsed = request.files.map(({ name, text }) => parseDocuments(text, name, deps.kinds));
  const documents = parsed.flatMap((one) => one.documents);
  const violations = [
    ...parsed.flatMap((one) => one.violations),
    ...duplicatesAcrossFiles(documents),
  ];
  const counted = violations.length === 0 ? passed : failed;
  for (const { object } of documents) counted.with({ kind: object.kind }).add(1);
  if (violations.length === 0) return documents;
  if (documents.length === 0) failed.with({ kind: "unknown" }).add(1);
  const count = violations.length === 1 ? "1 violation" : `${violations.length} violations`;
  throw apiError("invalid", `${count} in the documents; nothing was written`, {
    details: { violations: violations.map(violationView) },
  });
}

function duplicatesAcrossFiles(documents: readonly ParsedDocument[]): readonly Violation[] {
  const first = new Map<string, ParsedDocument>();
  return documents.flatMap((document): readonly Violation[] => {
    const { object, file, documentIndex, line } = document;
    const key = formatKey(keyOf(object));
    const earlier = first.get(key);
    first.set(key, earlier ?? document);
    // Within one file the reader has told already.
    if (earlier === undefined || earlier.file === file) return [];
    const message = `${key} is in ${earlier.file} on line ${earlier.line} already`;
    const place = { file, documentIndex, line, column: 1, object: key, path: "metadata.name" };
    return [{ ...place, code: "duplicate-object", found: key, message }];
  });
}

/** What is wrong with the applied objects in the mesh as it is, or would be, with them in it. */
function judge(
  deps: AdminApiDeps,
  applied: readonly AnyObject[],
  revision: number,
): readonly MeshFinding[] {
  const objects = deps.objects.with(applied);
  const serviceIndexes = deps.serviceIndexes.clone();
  for (const { metadata } of objects.list("Service")) {
    serviceIndexes.allocate(`${metadata.namespace}/${metadata.name}`);
  }
  const { trustDomain } = deps.info;
  const instances = deps.registry.list();
  const trustBundlePem = "";
  const source = {
    revision,
    asOfMs: deps.clock.nowMs(),
    trustDomain,
    trustBundlePem,
    objects,
    keySets: deps.keySets.sets,
    instances,
    serviceIndexes,
  };
  const keys = new Set(applied.map((object) => formatKey(keyOf(object))));
  return withChecks(translationFindings(deps, buildSnapshot(source)), objects).filter((finding) =>
    keys.has(formatKey(finding.object)),
  );
}

/** A defect of translation must not fail an apply that is written already. */
function translationFindings(
  deps: AdminApiDeps,
  snapshot: ReturnType<typeof buildSnapshot>,
): ReturnType<AdminApiDeps["translate"]>["findings"] {
  try {
    return deps.translate(snapshot).findings;
  } catch (error) {
    deps.log.error("what was applied cannot be translated", { error });
    return [];
  }
}

function violationView(violation: Violation): DocumentViolation {
  const { suggestion, ...rest } = violation;
  return suggestion === undefined ? rest : { ...rest, nearest: suggestion };
}
