/** The schema of mesh.yaml: every field, its default, and the sentence that the guide prints for it. */
import { z } from "zod";
import { WORKERS_MAX } from "../../core/limits.ts";
import { WORKER_COUNT_RULE } from "../../core/worker-count.ts";
import { dnsLabel } from "../../resource/fields.ts";
import { INSTANCE_PROTOCOLS } from "../../resource/port-protocol.ts";
import { isRecord, objectRule, type Report, stringRule, valueAt } from "../../resource/rule.ts";
import { GATEWAY_ADDRESS_DEFAULT } from "../gateway/gateway-spec.ts";
import { nearest } from "../nearest.ts";
import { labelProblem } from "../run/instance-spec.ts";
import { isProtocol, parsePortSpec } from "../run/port-spec.ts";
import { dependencyCycle } from "./dependency-graph.ts";

/** More than this on one machine is a mistake in the file. */
const REPLICAS_MAX = 50;
const SERVICES_MAX = 200;

const command = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)], {
  error: "a command line, or a list of program and arguments",
});

const portText = z.union([z.int(), z.string()], { error: "a port, such as 8080 or auto" });

const service = objectRule(
  z.strictObject({
    service: dnsLabel()
      .optional()
      .describe("The service that it is an instance of. Default: the entry's name."),
    command: command.describe(
      "What runs: a list, or a line split at spaces with quotes as in a shell but nothing else of one.",
    ),
    fallbackCommand: command
      .optional()
      .describe("Runs instead when the program of command is not installed."),
    port: z
      .union([portText, z.array(portText).min(1).max(16)], { error: "a port or a list of ports" })
      .optional()
      .describe(
        "Where the app listens on 127.0.0.1: a number, auto (any free port), a range such as 8080-8099 (the first free one); each with NAME= before or /PROTOCOL after it. The app finds it in PORT. Without it the service only calls others.",
      ),
    protocol: z
      .enum(INSTANCE_PROTOCOLS)
      .optional()
      .describe(
        "What the app speaks on ports that do not say. Without it the port's name says as that of a Service's port does, or its number (6379: tcp); other names: auto, told by the first bytes of each connection; no name: http.",
      ),
    labels: z
      .record(z.string(), z.string())
      .default({})
      .describe("Labels of its instances; Services select by them. app is set already."),
    replicas: z.int().min(1).max(REPLICAS_MAX).default(1).describe("How many instances run."),
    stateful: z
      .boolean()
      .default(false)
      .describe(
        "Whether its instances keep their names, <entry>-0, <entry>-1 and so on, so that callers of a headless Service can tell them apart.",
      ),
    workers: z
      .union([z.int().min(1).max(WORKERS_MAX), z.literal("auto")], { error: WORKER_COUNT_RULE })
      .optional()
      .describe(
        "How many processes each of its sidecars has, which share the traffic; auto is one per core. Default: 1.",
      ),
    workloadApi: z
      .boolean()
      .default(false)
      .describe(
        "Whether its instances get certificates and tokens of their own by the SPIFFE Workload API, at the socket that SPIFFE_ENDPOINT_SOCKET names.",
      ),
    propagate: z
      .boolean()
      .default(false)
      .describe(
        "Whether its instances, when they run on Node, pass trace contexts on without a change of their own.",
      ),
    env: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "the name of a variable" }),
        z.union([z.string(), z.number(), z.boolean()], { error: "a string, number or boolean" }),
      )
      .default({})
      .describe("Added to the environment that tulle was started with."),
    workingDirectory: z.string().min(1).default(".").describe("Relative to mesh.yaml."),
    dependsOn: z
      .union(
        [
          z.array(z.string()),
          z.record(z.string(), z.enum(["started", "healthy"], { error: "started or healthy" })),
        ],
        { error: "a list of services, or a map from service to started or healthy" },
      )
      .default([])
      .describe("What must be there before it starts: healthy, unless the map says started."),
    ready: stringRule(z.string(), (text, report) => {
      if (text === "tcp" || text === "none" || /^\/[!-~]*$/.test(text)) return;
      report({ path: [], code: "invalid-value", message: `allowed is ${READY}`, allowed: READY });
    })
      .default("tcp")
      .describe(
        "When the app counts as ready: its first port accepts connections (tcp), GET of a path answers 2xx or 3xx (/healthz), or at once (none).",
      ),
    restart: z
      .enum(["always", "on-failure", "never"])
      .default("on-failure")
      .describe("Whether it is started again after it has ended, with growing delays."),
    namespace: dnsLabel().default("default").describe("Its namespace in the mesh."),
    serviceAccount: dnsLabel()
      .optional()
      .describe("The last part of its identity. Default: the service's name."),
    zone: z.string().max(63).default("").describe("Where it says that it runs."),
  }),
  checkService,
);

const READY = "tcp, none or a path such as /healthz";

const gateway = z.strictObject({
  address: z
    .union([z.ipv4(), z.ipv6()], { error: "an IP address" })
    .default(GATEWAY_ADDRESS_DEFAULT)
    .describe("Where it listens; 0.0.0.0 for everyone who reaches this machine."),
  namespace: dnsLabel().default("default").describe("The namespace of its Gateway."),
  serviceAccount: dnsLabel()
    .optional()
    .describe("The last part of its identity. Default: the Gateway's name."),
  zone: z.string().max(63).default("").describe("Where it says that it runs."),
  workers: z
    .union([z.int().min(1).max(WORKERS_MAX), z.literal("auto")], { error: WORKER_COUNT_RULE })
    .default("auto")
    .describe("How many processes share its traffic; auto is one per core."),
});

export const meshFileSchema = objectRule(
  z.strictObject({
    mesh: dnsLabel()
      .default("default")
      .describe("The mesh's name; its control plane keeps its state under this name."),
    resources: z
      .string()
      .min(1)
      .optional()
      .describe(
        "A file or folder of resources to apply, relative to mesh.yaml. Default: the folder resources, when there is one.",
      ),
    services: z.record(dnsLabel(), service).describe("What runs, by name."),
    gateways: z
      .record(dnsLabel(), gateway)
      .default({})
      .describe("Gateways that run beside it, by the names of their Gateway objects."),
  }),
  checkFile,
);

export type MeshFileDocument = z.output<typeof meshFileSchema>;
export type ServiceDocument = MeshFileDocument["services"][string];

function checkService(entry: Readonly<Record<string, unknown>>, report: Report): void {
  const word = entry["protocol"];
  const protocol = typeof word === "string" && isProtocol(word) ? word : undefined;
  const names = new Set<string>();
  for (const { text, path } of portTexts(entry["port"])) {
    const parsed = parsePortSpec(text, protocol);
    if (!parsed.ok) {
      report({ path, message: parsed.message });
      continue;
    }
    const { name, range } = parsed.spec;
    if (names.has(name)) {
      report({ path, message: `has the name ${name} again; write another in front, as in a=8080` });
    }
    names.add(name);
    const replicas = typeof entry["replicas"] === "number" ? entry["replicas"] : 1;
    const size = range === undefined ? Number.POSITIVE_INFINITY : range.last - range.first + 1;
    if (size < replicas) {
      report({ path, message: `is too few for ${replicas} replicas; write auto, or a range` });
    }
  }
  if (!isRecord(entry["labels"])) return;
  for (const [key, value] of Object.entries(entry["labels"])) {
    const problem = typeof value === "string" ? labelProblem(key, value) : undefined;
    if (problem !== undefined) report({ path: ["labels", key], message: problem });
  }
}

/** The ports of an entry, however they are written. */
export function portTexts(
  value: unknown,
): readonly { readonly text: string; readonly path: readonly (string | number)[] }[] {
  const items = Array.isArray(value) ? value.entries() : value === undefined ? [] : [[-1, value]];
  const found: { readonly text: string; readonly path: readonly (string | number)[] }[] = [];
  for (const [index, item] of items as Iterable<[number, unknown]>) {
    const path = index === -1 ? ["port"] : ["port", index];
    if (typeof item === "string" || typeof item === "number") {
      found.push({ text: String(item), path });
    }
  }
  return found;
}

/** The names that an entry depends on, however they are written. */
export function dependencyNames(
  value: unknown,
): readonly { readonly name: string; readonly path: readonly (string | number)[] }[] {
  if (Array.isArray(value)) {
    return value.flatMap((name: unknown, index) =>
      typeof name === "string" ? [{ name, path: ["dependsOn", index] }] : [],
    );
  }
  return isRecord(value)
    ? Object.keys(value).map((name) => ({ name, path: ["dependsOn", name] }))
    : [];
}

function checkFile(file: Readonly<Record<string, unknown>>, report: Report): void {
  const services = file["services"];
  if (!isRecord(services)) return;
  const names = Object.keys(services);
  if (names.length === 0 || names.length > SERVICES_MAX) {
    report({ path: ["services"], message: `holds 1 to ${SERVICES_MAX} services` });
  }
  const graph = new Map<string, readonly string[]>();
  for (const name of names) {
    const wanted = dependencyNames(valueAt(services, name, "dependsOn"));
    for (const dependency of wanted) {
      if (names.includes(dependency.name)) continue;
      const suggestion = nearest(dependency.name, names);
      report({
        path: ["services", name, ...dependency.path],
        message: `names no service of this file${suggestion === undefined ? "" : `; did you mean ${suggestion}?`}`,
        ...(suggestion === undefined ? {} : { suggestion }),
      });
    }
    graph.set(
      name,
      wanted.map((dependency) => dependency.name),
    );
  }
  const cycle = dependencyCycle(graph);
  if (cycle === undefined) return;
  report({
    path: ["services", cycle[0] ?? "", "dependsOn"],
    message: `waits for itself: ${cycle.join(" → ")}`,
  });
}
