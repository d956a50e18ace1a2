/** Secrets that the control plane serves: roots only. No private key ever passes through here. */
import { create } from "@bufbuild/protobuf";
import { SecretSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import {
  formatIdentityPolicy,
  IDENTITY_POLICY_SECRET,
  type IdentityPolicy,
} from "../identity/identity-policy.ts";
import { TRUST_BUNDLE_SECRET } from "./defaults.ts";
import { pack, resourceOf } from "./message.ts";
import type { XdsResource } from "./translation.ts";

/**
 * The roots of the mesh. The SPIFFE validator makes a proxy hold a peer's certificate against the bundle of
 * the trust domain that the certificate names, by the rules of X509-SVID; `trusted_ca` is for readers that do
 * not know the validator.
 */
export function trustBundleSecret(trustDomain: string, trustBundlePem: string): XdsResource {
  const bundle = { specifier: { case: "inlineString", value: trustBundlePem } } as const;
  const validator = create(SPIFFECertValidatorConfigSchema, {
    trustDomains: [{ name: trustDomain, trustBundle: bundle }],
  });
  const secret = create(SecretSchema, {
    name: TRUST_BUNDLE_SECRET,
    type: {
      case: "validationContext",
      value: {
        trustedCa: bundle,
        customValidatorConfig: {
          name: "envoy.tls.cert_validator.spiffe",
          typedConfig: pack(SPIFFECertValidatorConfigSchema, validator),
        },
      },
    },
  });
  return resourceOf(SecretSchema, TRUST_BUNDLE_SECRET, secret);
}

/** Who is revoked, and which roots certificates are to be under. Only Tulle's sidecars ask for it. */
export function identityPolicySecret(policy: IdentityPolicy): XdsResource {
  const secret = create(SecretSchema, {
    name: IDENTITY_POLICY_SECRET,
    type: {
      case: "genericSecret",
      value: {
        secret: { specifier: { case: "inlineString", value: formatIdentityPolicy(policy) } },
      },
    },
  });
  return resourceOf(SecretSchema, IDENTITY_POLICY_SECRET, secret);
}
