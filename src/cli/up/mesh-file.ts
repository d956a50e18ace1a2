/**
 * Reads mesh.yaml: the services of an application, checked, with everything decided that does not depend on
 * the moment. A file with errors is refused whole, each with its line and field.
 */
import { type Document, isMap, isScalar, LineCounter, parseDocument } from "yaml";
import type { WorkerCount } from "../../core/worker-count.ts";
import { type FieldPath, formatViolations, type Violation } from "../../resource/violation.ts";
import { type PathedViolation, violationsOf } from "../../resource/zod-violations.ts";
import { failedError } from "../errors.ts";
import { type Readiness, readinessOf } from "../run/instance-spec.ts";
import { type PortSpec, parsePortSpec } from "../run/port-spec.ts";
import type { RestartPolicy } from "../run/restart-policy.ts";
import { splitCommand } from "./command-line.ts";
import {
  dependencyNames,
  type MeshFileDocument,
  meshFileSchema,
  portTexts,
  type ServiceDocument,
} from "./mesh-file-schema.ts";

export type Program = readonly [string, ...string[]];

/** One entry of `services`. */
export interface MeshService {
  /** Its name in the file. */
  readonly key: string;
  readonly service: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly command: Program;
  readonly fallbackCommand: Program | undefined;
  readonly ports: readonly PortSpec[];
  readonly labels: Readonly<Record<string, string>>;
  readonly replicas: number;
  /** Its instances have names that count from 0, the same at each start. */
  readonly isStateful: boolean;
  /** Processes of each sidecar; undefined: the sidecar's default. */
  readonly workers: WorkerCount | undefined;
  readonly workloadApi?: boolean | undefined;
  /** Node apps pass trace contexts on without a change of their own. */
  readonly propagate?: boolean | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Relative to the file's folder. */
  readonly workingDirectory: string;
  readonly dependsOn: readonly { readonly key: string; readonly until: "started" | "healthy" }[];
  readonly readiness: Readiness;
  readonly restart: RestartPolicy;
  readonly zone: string;
}

/** One entry of `gateways`. */
export interface MeshGateway {
  /** Of its Gateway. */
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly address: string;
  readonly zone: string;
  readonly workers: WorkerCount;
}

export interface MeshFile {
  readonly mesh: string;
  /** Relative to the file's folder; undefined: `resources` when it exists. */
  readonly resources: string | undefined;
  readonly services: readonly MeshService[];
  readonly gateways: readonly MeshGateway[];
}

/** A larger file is not one that people write. */
const TEXT_LENGTH_MAX = 1024 * 1024;

/** Throws `CLI_FAILED` with one line per violation. `file` is how messages call it. */
export function parseMeshFile(text: string, file: string): MeshFile {
  if (text.length > TEXT_LENGTH_MAX) throw failedError(`${file} is larger than 1 MiB`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors.map((error) =>
    located(file, lines.linePos(error.pos[0]), {
      path: "",
      code: "syntax",
      message: error.message,
    }),
  );
  if (broken.length > 0) throw refusal(file, broken);
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  const parsed = meshFileSchema.safeParse(value);
  const violations = parsed.success
    ? commandViolations(parsed.data)
    : violationsOf(parsed.error.issues, { document: value, schema: meshFileSchema });
  if (violations.length > 0 || !parsed.success) {
    throw refusal(
      file,
      violations.map((violation) =>
        located(file, positionOf(document, lines, violation), violation),
      ),
    );
  }
  const { mesh, resources, services, gateways } = parsed.data;
  return {
    mesh,
    resources,
    services: Object.entries(services).map(([key, entry]) => meshService(key, entry)),
    gateways: Object.entries(gateways).map(([name, { serviceAccount = name, ...entry }]) => ({
      ...{ name, serviceAccount },
      ...entry,
    })),
  };
}

function refusal(file: string, violations: readonly Violation[]) {
  const sorted = violations.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return failedError(
    `${file} has ${sorted.length === 1 ? "an error" : `${sorted.length} errors`}:\n${formatViolations(sorted)}`,
    "docs/guides/up.md lists every field",
  );
}

function located(
  file: string,
  at: { readonly line: number; readonly col: number },
  { path, code, message }: Pick<PathedViolation, "path" | "code" | "message">,
): Violation {
  return { file, documentIndex: 0, line: at.line, column: at.col, path, code, message };
}

/** Where the key or value of a violation stands; for something that is missing, the place that lacks it. */
function positionOf(
  document: Document,
  lines: LineCounter,
  violation: PathedViolation,
): { readonly line: number; readonly col: number } {
  for (let length = violation.segments.length; length > 0; length--) {
    const offset = offsetOf(document, violation.segments.slice(0, length), violation.at);
    if (offset !== undefined) return lines.linePos(offset);
  }
  return { line: 1, col: 1 };
}

function offsetOf(document: Document, path: FieldPath, at: "key" | "value"): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === path.at(-1));
    const key = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
    // A map or list begins on the line after its key: the key is the better place to point at.
    if (key === undefined || at === "key" || !isScalar(pair?.value)) return key;
    return pair.value.range?.[0];
  }
  const node = document.getIn(path, true);
  return (node as { readonly range?: readonly number[] } | undefined)?.range?.[0];
}

/** Command lines are split here: zod has no place for a rule that replaces the value. */
function commandViolations(file: MeshFileDocument): PathedViolation[] {
  const found: PathedViolation[] = [];
  for (const [key, entry] of Object.entries(file.services)) {
    for (const field of ["command", "fallbackCommand"] as const) {
      const value = entry[field];
      const split = typeof value === "string" ? splitCommand(value) : undefined;
      if (split === undefined || split.ok) continue;
      const segments = ["services", key, field];
      const path = segments.join(".");
      found.push({ segments, path, at: "value", code: "invalid-value", message: split.message });
    }
  }
  return found;
}

function meshService(key: string, entry: ServiceDocument): MeshService {
  const service = entry.service ?? key;
  const env = Object.entries(entry.env).map(([name, value]) => [name, String(value)] as const);
  return {
    key,
    service,
    namespace: entry.namespace,
    serviceAccount: entry.serviceAccount ?? service,
    command: programOf(entry.command),
    fallbackCommand:
      entry.fallbackCommand === undefined ? undefined : programOf(entry.fallbackCommand),
    ports: portTexts(entry.port).flatMap(({ text }) => {
      const parsed = parsePortSpec(text, entry.protocol);
      return parsed.ok ? [parsed.spec] : [];
    }),
    labels: { app: service, ...entry.labels },
    replicas: entry.replicas,
    isStateful: entry.stateful,
    workers: entry.workers,
    ...(entry.workloadApi ? { workloadApi: true } : {}),
    ...(entry.propagate ? { propagate: true } : {}),
    env: Object.fromEntries(env),
    workingDirectory: entry.workingDirectory,
    dependsOn: dependencyNames(entry.dependsOn).map(({ name }) => ({
      key: name,
      until: Array.isArray(entry.dependsOn) ? "healthy" : (entry.dependsOn[name] ?? "healthy"),
    })),
    readiness: readinessOf(entry.ready),
    restart: entry.restart,
    zone: entry.zone,
  };
}

function programOf(command: string | readonly string[]): Program {
  const split = typeof command === "string" ? splitCommand(command) : { ok: true, words: command };
  const [program = "", ...args] = split.ok && "words" in split ? split.words : [];
  return [program, ...args];
}
