/** The flags of `tulle sidecar`, read without any library: one runs beside every service. */
import { MeshError } from "../core/errors.ts";
import { WORKERS_MAX } from "../core/limits.ts";
import { LOG_LEVELS, type LogLevel } from "../core/logger.ts";
import { parseWorkerCount, WORKER_COUNT_RULE, type WorkerCount } from "../core/worker-count.ts";

export interface SidecarOptions {
  readonly bootstrapFile: string;
  /** The control plane's owner-only socket, which gives join tokens. */
  readonly joinSocket: string | undefined;
  /** A file with a join token, and one with the roots to trust when joining. */
  readonly joinTokenFile: string | undefined;
  readonly joinBundleFile: string | undefined;
  /** A certificate of another authority and its key, to join with; `joinBundleFile` goes with them. */
  readonly joinCertificateFile: string | undefined;
  readonly joinKeyFile: string | undefined;
  readonly trustDomain: string;
  /** Where the SPIFFE Workload API is served to the app: a unix socket. Undefined: nowhere. */
  readonly workloadApi: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: "json" | "text";
  /** Undefined: what the proxy's role has by default. */
  readonly workers: WorkerCount | undefined;
}

const USAGE = `usage: tulle sidecar --bootstrap FILE [--join-socket PATH | --join-token-file FILE --join-bundle-file FILE
                     | --join-certificate-file FILE --join-key-file FILE --join-bundle-file FILE]
                     [--trust-domain NAME] [--log-level LEVEL] [--log-format json|text]
                     [--workers N|auto] [--workload-api SOCKET]`;

/** Serves as many callers as its machine can; a sidecar shares the machine with its app. */
const GATEWAY_ROLE = "gateway";
const DEFAULT_TRUST_DOMAIN = "tulle.local";

/** Throws MeshError with code `usage`. */
export function parseSidecarOptions(words: readonly string[]): SidecarOptions {
  const values = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const match = /^--([a-z-]+)(?:=(.*))?$/s.exec(word);
    const name = match?.[1] ?? "";
    if (!FLAGS.has(name)) throw usage(`unknown argument ${word}`);
    const value = match?.[2] ?? words[++i];
    if (value === undefined) throw usage(`--${name} needs a value`);
    values.set(name, value);
  }
  const bootstrapFile = values.get("bootstrap");
  if (bootstrapFile === undefined) throw usage("--bootstrap is required");
  const logLevel = values.get("log-level") ?? "info";
  if (!LOG_LEVELS.includes(logLevel as LogLevel)) {
    throw usage(`--log-level ${logLevel}: use one of ${LOG_LEVELS.join(", ")}`);
  }
  const logFormat = values.get("log-format") ?? "json";
  if (logFormat !== "json" && logFormat !== "text") {
    throw usage(`--log-format ${logFormat}: use json or text`);
  }
  return {
    bootstrapFile,
    joinSocket: values.get("join-socket"),
    joinTokenFile: values.get("join-token-file"),
    joinBundleFile: values.get("join-bundle-file"),
    joinCertificateFile: values.get("join-certificate-file"),
    joinKeyFile: values.get("join-key-file"),
    trustDomain: values.get("trust-domain") ?? DEFAULT_TRUST_DOMAIN,
    workloadApi: values.get("workload-api"),
    logLevel: logLevel as LogLevel,
    logFormat,
    workers: parseWorkers(values.get("workers")),
  };
}

/** The number of workers of a proxy with this role (`ROLE` of its node) on a machine with so many cores. */
export function workerCount(asked: WorkerCount | undefined, role: string, cores: number): number {
  const count = asked ?? (role === GATEWAY_ROLE ? "auto" : 1);
  return count === "auto" ? Math.min(cores, WORKERS_MAX) : count;
}

function parseWorkers(text: string | undefined): WorkerCount | undefined {
  if (text === undefined) return undefined;
  const count = parseWorkerCount(text);
  if (count === undefined) throw usage(`--workers ${text}: use ${WORKER_COUNT_RULE}`);
  return count;
}

const FLAGS: ReadonlySet<string> = new Set([
  "bootstrap",
  "join-socket",
  "join-token-file",
  "join-bundle-file",
  "join-certificate-file",
  "join-key-file",
  "trust-domain",
  "log-level",
  "log-format",
  "workers",
  "workload-api",
]);

function usage(message: string): MeshError {
  return new MeshError({ code: "usage" }, `${message}\n${USAGE}`);
}
