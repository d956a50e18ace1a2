/** Secrets that the control plane serves: roots only. No private key ever passes through here. */
import { create } from "@bufbuild/protobuf";
import {
  type BundleContents,
  formatBundleMap,
  SPIFFE_BUNDLES_SECRET,
} from "../decision/spiffe/bundle-document.ts";
import { SecretSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import {
  formatIdentityPolicy,
  IDENTITY_POLICY_SECRET,
  type IdentityPolicy,
} from "../identity/identity-policy.ts";
import { parsePem } from "../identity/pem.ts";
import { TRUST_BUNDLE_SECRET } from "./defaults.ts";
import type { FederatedBundle, MeshSnapshot } from "./mesh-snapshot.ts";
import { pack, resourceOf } from "./message.ts";
import type { XdsResource } from "./translation.ts";

/**
 * The roots of the mesh. The SPIFFE validator makes a proxy hold a peer's certificate against the bundle of
 * the trust domain that the certificate names, by the rules of X509-SVID; `trusted_ca` is for readers that do
 * not know the validator.
 */
export function trustBundleSecret(
  trustDomain: string,
  trustBundlePem: string,
  federated: readonly FederatedBundle[] = [],
): XdsResource {
  const bundle = { specifier: { case: "inlineString", value: trustBundlePem } } as const;
  const validator = create(SPIFFECertValidatorConfigSchema, {
    trustDomains: [
      { name: trustDomain, trustBundle: bundle },
      // The validator takes no empty bundle; a domain that is not named is not trusted either.
      ...federated
        .filter(({ rootsPem }) => rootsPem !== "")
        .map((one) => ({
          name: one.trustDomain,
          trustBundle: { specifier: { case: "inlineString", value: one.rootsPem } } as const,
        })),
    ],
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

/** Roots and keys for tokens of all trust domains, for the Workload API of Tulle's sidecars. */
export function spiffeBundlesSecret({
  trustDomain,
  trustBundlePem,
  spiffeTrust = { jwtKeys: [], federated: [] },
}: MeshSnapshot): XdsResource {
  const { jwtKeys, federated } = spiffeTrust;
  const own = { rootsDer: parsePem(trustBundlePem, "CERTIFICATE"), jwtKeys };
  const map = new Map<string, BundleContents>(federated.map((one) => [one.trustDomain, one]));
  map.set(trustDomain, own);
  const secret = create(SecretSchema, {
    name: SPIFFE_BUNDLES_SECRET,
    type: {
      case: "genericSecret",
      value: { secret: { specifier: { case: "inlineString", value: formatBundleMap(map) } } },
    },
  });
  return resourceOf(SecretSchema, SPIFFE_BUNDLES_SECRET, secret);
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
