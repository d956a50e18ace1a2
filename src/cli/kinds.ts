/**
 * The kinds by every name that a user may type. Kept apart from the schemas, which take longer to load than most
 * commands take to run; a test holds the two together.
 */
import { usageError } from "./errors.ts";
import { suggestion } from "./nearest.ts";

export interface KindNames {
  readonly kind: string;
  /** Lower case; what `-o name` prints before the slash. */
  readonly singular: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly isNamespaced: boolean;
}

export const KINDS: readonly KindNames[] = [
  kind("AuthorizationPolicy", "authorizationpolicies", ["ap", "authz"]),
  kind("CachePolicy", "cachepolicies", ["cp"]),
  kind("ExternalService", "externalservices", ["es"]),
  kind("FaultPolicy", "faultpolicies", ["fp"]),
  kind("Gateway", "gateways", ["gtw"]),
  kind("GRPCRoute", "grpcroutes", ["gr"]),
  kind("HTTPRoute", "httproutes", ["hr"]),
  kind("MeshConfig", "meshconfigs", ["mc"], false),
  kind("PeerAuthentication", "peerauthentications", ["pa"]),
  kind("RateLimitPolicy", "ratelimitpolicies", ["rlp"]),
  kind("RequestAuthentication", "requestauthentications", ["ra"]),
  kind("Revocation", "revocations", ["rev"], false),
  kind("Rollout", "rollouts", ["ro"]),
  kind("RouteFilter", "routefilters", ["rf"]),
  kind("SecurityPolicy", "securitypolicies", ["sp"]),
  kind("Service", "services", ["svc"]),
  kind("TCPRoute", "tcproutes", ["tcpr"]),
  kind("TelemetryExporter", "telemetryexporters", ["te"], false),
  kind("TelemetryPolicy", "telemetrypolicies", ["tel"]),
  kind("TLSRoute", "tlsroutes", ["tlsr"]),
  kind("TrafficPolicy", "trafficpolicies", ["tp"]),
  kind("TrustDomainFederation", "trustdomainfederations", ["tdf"], false),
  kind("Workload", "workloads", ["wl"]),
  kind("WorkloadAttestor", "workloadattestors", ["wa"], false),
];

/** The kind that a word means: kind, singular, plural or short name, in any case. */
export function findKind(word: string): KindNames | undefined {
  const lower = word.toLowerCase();
  return KINDS.find(
    (names) =>
      names.singular === lower || names.plural === lower || names.shortNames.includes(lower),
  );
}

/** Like {@link findKind}; a word that is no kind is a usage error with the nearest one. */
export function parseKind(word: string): KindNames {
  const found = findKind(word);
  if (found !== undefined) return found;
  const words = KINDS.flatMap((names) => [names.singular, names.plural, ...names.shortNames]);
  throw usageError(
    `unknown kind "${word}"${suggestion(word, words)}`,
    `the kinds are ${KINDS.map((names) => names.plural).join(", ")}`,
  );
}

/** What `KIND NAME...` and `KIND/NAME...` on a command line mean. */
export interface ObjectSelection {
  readonly kind: KindNames;
  /** Empty: all. */
  readonly names: readonly string[];
}

/** Reads `KIND [NAME...]`, `KIND/NAME`, and `KIND/NAME KIND/NAME` of one kind. */
export function parseSelection(first: string, others: readonly string[]): ObjectSelection {
  const [kindWord = "", nameInFirst] = splitSlash(first);
  const kind = parseKind(kindWord);
  const names = nameInFirst === undefined ? [] : [nameInFirst];
  for (const word of others) {
    const [before, after] = splitSlash(word);
    if (after !== undefined && findKind(before)?.kind !== kind.kind) {
      throw usageError(
        `"${word}" is not of the kind ${kind.kind}`,
        "name objects of one kind at a time",
      );
    }
    names.push(after ?? before);
  }
  return { kind, names };
}

/** `service/catalog`, as `-o name` prints and other commands accept. */
export function objectName(kindWord: string, name: string): string {
  return `${findKind(kindWord)?.singular ?? kindWord.toLowerCase()}/${name}`;
}

function splitSlash(word: string): readonly [string, string | undefined] {
  const slash = word.indexOf("/");
  return slash < 0 ? [word, undefined] : [word.slice(0, slash), word.slice(slash + 1)];
}

function kind(
  name: string,
  plural: string,
  shortNames: readonly string[],
  isNamespaced = true,
): KindNames {
  return { kind: name, singular: name.toLowerCase(), plural, shortNames, isNamespaced };
}
