/**
 * SPIFFE ids: parsing, validation and the form that workloads of the mesh have. Rules are those of
 * SPIFFE-ID sections 2.1–2.3; characters are restricted further, as its later revisions do.
 */
import { identityError } from "./errors.ts";
import { SPIFFE_ID_BYTES_MAX, TRUST_DOMAIN_BYTES_MAX } from "./limits.ts";

/** A valid id in canonical form: scheme and trust domain in lower case. */
export type SpiffeId = string & { readonly __brand: "SpiffeId" };

export type SpiffeIdResult =
  | {
      readonly ok: true;
      readonly id: SpiffeId;
      readonly trustDomain: string;
      /** Empty for the id of a trust domain itself, else it starts with a slash. */
      readonly path: string;
    }
  /** `reason` completes the sentence "the id ...". */
  | { readonly ok: false; readonly reason: string };

/** What a workload of the mesh is known by. */
export interface WorkloadIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const SCHEME = "spiffe://";
/** Not `toLowerCase`: it maps the Kelvin sign to k. */
const SCHEME_OF_ANY_CASE = /^spiffe:\/\//i;
const TRUST_DOMAIN_CHARACTERS = /^[a-z0-9._-]+$/;
const PATH_CHARACTERS = /^[a-zA-Z0-9._-]+$/;

/**
 * Parses an id. Scheme and trust domain may be in any case (they compare case-insensitively) and
 * come back in lower case; the path is taken as it is.
 */
export function parseSpiffeId(text: string): SpiffeIdResult {
  if (text.length > SPIFFE_ID_BYTES_MAX) {
    return invalid(`is longer than ${SPIFFE_ID_BYTES_MAX} bytes`);
  }
  if (!SCHEME_OF_ANY_CASE.test(text)) return invalid("does not have the scheme spiffe");
  const rest = text.slice(SCHEME.length);
  const slash = rest.indexOf("/");
  const trustDomain = lowerCaseAscii(slash === -1 ? rest : rest.slice(0, slash));
  const path = slash === -1 ? "" : rest.slice(slash);
  const problem = trustDomainProblem(trustDomain) ?? pathProblem(path);
  if (problem !== undefined) return invalid(problem);
  return { ok: true, id: `${SCHEME}${trustDomain}${path}` as SpiffeId, trustDomain, path };
}

/** Like `parseSpiffeId`, for ids from configuration. Throws `spiffe-id-invalid`. */
export function requireSpiffeId(text: string): SpiffeId {
  const result = parseSpiffeId(text);
  if (result.ok) return result.id;
  throw spiffeIdError(text, `${quote(text)} is no SPIFFE id: it ${result.reason}`);
}

/** The id of the trust domain itself, which its signing certificates carry. */
export function trustDomainId(trustDomain: string): SpiffeId {
  assertTrustDomain(trustDomain);
  return `${SCHEME}${trustDomain}` as SpiffeId;
}

/** `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. Throws `spiffe-id-invalid`. */
export function workloadSpiffeId(identity: WorkloadIdentity): SpiffeId {
  const { trustDomain, namespace, serviceAccount } = identity;
  assertTrustDomain(trustDomain);
  for (const [what, segment] of [
    ["namespace", namespace],
    ["service account", serviceAccount],
  ] as const) {
    const problem = segmentProblem(segment);
    if (problem !== undefined) {
      throw spiffeIdError(segment, `${quote(segment)} is no ${what} name: it ${problem}`);
    }
  }
  const id = `${SCHEME}${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
  if (id.length > SPIFFE_ID_BYTES_MAX) {
    throw spiffeIdError(id, `the SPIFFE id would be longer than ${SPIFFE_ID_BYTES_MAX} bytes`);
  }
  return id as SpiffeId;
}

/** The parts of a workload's id, or undefined when the id has another form. */
export function workloadIdentityFromSpiffeId(id: SpiffeId): WorkloadIdentity | undefined {
  const [trustDomain, ns, namespace, sa, serviceAccount, ...rest] = id
    .slice(SCHEME.length)
    .split("/");
  if (ns !== "ns" || sa !== "sa" || rest.length > 0) return undefined;
  if (trustDomain === undefined || namespace === undefined || serviceAccount === undefined) {
    return undefined;
  }
  return { trustDomain, namespace, serviceAccount };
}

/** The trust domain of an id. */
export function trustDomainOf(id: SpiffeId): string {
  const slash = id.indexOf("/", SCHEME.length);
  return slash === -1 ? id.slice(SCHEME.length) : id.slice(SCHEME.length, slash);
}

/** What is wrong with a trust domain name, as the end of a sentence, or undefined. */
export function trustDomainProblem(trustDomain: string): string | undefined {
  if (trustDomain === "") return "has no trust domain";
  if (trustDomain.length > TRUST_DOMAIN_BYTES_MAX) {
    return `has a trust domain longer than ${TRUST_DOMAIN_BYTES_MAX} bytes`;
  }
  // No userinfo, port or percent-encoding: section 2.1. None of their delimiters passes.
  if (!TRUST_DOMAIN_CHARACTERS.test(trustDomain)) {
    return `has a trust domain with characters other than a-z 0-9 . - _: ${quote(trustDomain)}`;
  }
  return undefined;
}

function assertTrustDomain(trustDomain: string): void {
  const problem = trustDomainProblem(trustDomain);
  if (problem !== undefined) {
    throw spiffeIdError(trustDomain, `a SPIFFE id cannot be made: it ${problem}`);
  }
}

function lowerCaseAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function pathProblem(path: string): string | undefined {
  if (path === "") return undefined;
  for (const segment of path.slice(1).split("/")) {
    const problem = segmentProblem(segment);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** A slash at the end shows up as an empty last segment; query and fragment as bad characters. */
function segmentProblem(segment: string): string | undefined {
  if (segment === "") return "has an empty path segment";
  if (segment === "." || segment === "..") return "has a dot segment in its path";
  if (!PATH_CHARACTERS.test(segment)) {
    return `has a path with characters other than a-z A-Z 0-9 . - _: ${quote(segment)}`;
  }
  return undefined;
}

function invalid(reason: string): SpiffeIdResult {
  return { ok: false, reason };
}

function spiffeIdError(value: string, message: string): Error {
  return identityError({ code: "spiffe-id-invalid", value }, message);
}

/** Quoted, with what could confuse a log escaped and cut short. */
function quote(text: string): string {
  const quoted = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  return quoted.replace(/[\u007f-\uffff]/g, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
