/** One instance as `tulle run` and `tulle up` describe it: what runs, and who it is in the mesh. */
import type { Prng } from "../../core/prng.ts";
import type { WorkerCount } from "../../core/worker-count.ts";
import type { ResolvedPort } from "./port-spec.ts";

/** How to tell that an app is ready for requests. */
export type Readiness =
  /** Its first port accepts connections. */
  | { readonly kind: "tcp" }
  /** `GET path` on its first port answers 2xx or 3xx. */
  | { readonly kind: "http"; readonly path: string }
  /** As soon as it runs. */
  | { readonly kind: "started" };

/** Reads `tcp`, `none` and a path that begins with a slash. */
export function readinessOf(text: string): Readiness {
  if (text.startsWith("/")) return { kind: "http", path: text };
  return text === "none" ? { kind: "started" } : { kind: "tcp" };
}

/** A proxy as its starter describes it: who it is in the mesh, and what stands behind it. */
export interface ProxySpec {
  /** Unique in its namespace: `catalog-v1-x7k2p`. */
  readonly name: string;
  readonly service: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Holds `app`, always. */
  readonly labels: Readonly<Record<string, string>>;
  readonly zone: string;
  /** Where peers reach the inbound listeners; undefined: the block's own loopback address. */
  readonly address: string | undefined;
  readonly ports: readonly ResolvedPort[];
  /** The app's environment before the mesh adds to it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Processes of its sidecar; undefined: the sidecar's default. */
  readonly workers: WorkerCount | undefined;
  /** Whether the app gets its identity by the SPIFFE Workload API. Undefined: no. */
  readonly workloadApi?: boolean | undefined;
  /** Where the app has metrics of its own, at its address; undefined: its sidecar does not look for any. */
  readonly appMetrics?: { readonly port: number; readonly path: string } | undefined;
  /** Name of the Gateway that it runs; it has no app then. */
  readonly gateway?: string;
}

export interface InstanceSpec extends ProxySpec {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly readiness: Readiness;
}

/** An RFC 1123 label: what names of Kubernetes objects are made of. */
const LABEL = /^(?=.{1,63}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
export const NAME_RULE = "lower-case letters, digits and dashes inside, at most 63 characters";

export function isName(text: string): boolean {
  return LABEL.test(text);
}

const LABEL_KEY = /^(?:[a-z0-9.-]{1,253}\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

/** A sentence that says what is wrong with a label, or undefined. The rule is Kubernetes'. */
export function labelProblem(key: string, value: string): string | undefined {
  const rule = "letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
  if (!LABEL_KEY.test(key)) return `label name "${key}" is not made of ${rule}`;
  if (!LABEL_VALUE.test(value)) return `value "${value}" of label ${key} is not made of ${rule}`;
  return undefined;
}

const SUFFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
const SUFFIX_LENGTH = 5;

/** `catalog-v1-x7k2p`: service, version when there is one, and what makes it unique. */
export function instanceName(service: string, version: string | undefined, prng: Prng): string {
  const suffix = Array.from(
    { length: SUFFIX_LENGTH },
    () => SUFFIX_ALPHABET[Math.floor(prng.next() * SUFFIX_ALPHABET.length)],
  ).join("");
  const middle = (version ?? "").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const stem = [service, middle].filter((part) => part !== "").join("-");
  return `${stem.slice(0, 63 - SUFFIX_LENGTH - 1).replace(/-+$/, "")}-${suffix}`;
}
