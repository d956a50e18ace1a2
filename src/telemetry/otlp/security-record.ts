/** What a record says beyond a request's own values when it was denied, or when nobody could tell whose it was. */
import type { AccessLogEntry } from "../access-log/log-entry.ts";
import { FLAG } from "../response-flag.ts";

export interface SecurityDetails {
  /** `default/catalog-readers`; empty where no policy matched, or it was another reason than a policy. */
  readonly policy: string;
  /** Its number in the policy, or empty. */
  readonly rule: string;
  /** What did not hold, or what was wrong with the credentials. */
  readonly reason: string;
}

/** Details of denials by policy and of refused tokens, as Envoy's filters give them. */
const POLICY =
  /^rbac_access_denied_matched_policy\[(?:ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[(\d+)\])?/;
const TOKEN = /^jwt_authn_access_denied\{(.*)\}$/;

/** Undefined for requests that were let in. */
export function securityDetails(entry: AccessLogEntry): SecurityDetails | undefined {
  const details = entry.responseCodeDetails ?? entry.connectionTerminationDetails ?? "";
  const isDenial = details.startsWith("rbac_") || details.startsWith("jwt_authn_");
  if (entry.flag !== FLAG.UAEX && !isDenial) return undefined;
  const failure = entry.upstreamFailureReason ?? "";
  const [, namespace, name, rule = ""] = POLICY.exec(details) ?? [];
  if (name !== undefined) {
    return { policy: namespace === "" ? name : `${namespace}/${name}`, rule, reason: failure };
  }
  const [, token] = TOKEN.exec(details) ?? [];
  return { policy: "", rule, reason: failure || (token ?? details).replaceAll("_", " ") };
}
