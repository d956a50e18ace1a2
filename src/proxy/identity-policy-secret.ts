/** Reads the secret by which the control plane says who is revoked. Other generic secrets are not implemented. */
import type { FieldError } from "../decision/field-error.ts";
import type { Secret } from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { DenyList } from "../identity/deny-list.ts";
import { IDENTITY_POLICY_SECRET, parseIdentityPolicy } from "../identity/identity-policy.ts";

/** Undefined when `errors` says why not. Throws `identity-policy-invalid`. */
export function readDenyList(
  { name, type }: Secret,
  path: string,
  errors: FieldError[],
): DenyList | undefined {
  const at = path === "" ? "generic_secret" : `${path}.generic_secret`;
  if (name !== IDENTITY_POLICY_SECRET) {
    const message = `is implemented only in the secret ${IDENTITY_POLICY_SECRET}`;
    errors.push({ path: at, message });
    return undefined;
  }
  const specifier = type.case === "genericSecret" ? type.value.secret?.specifier : undefined;
  if (specifier?.case !== "inlineString") {
    errors.push({ path: `${at}.secret.inline_string`, message: "is required" });
    return undefined;
  }
  return parseIdentityPolicy(specifier.value).denied;
}
