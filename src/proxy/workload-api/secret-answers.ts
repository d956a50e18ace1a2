/**
 * The secrets that a co-located Envoy gets by SDS, under SPIRE's names: `default` or the own SPIFFE id is certificate and
 * key, `ROOTCA` or the id of a trust domain the roots of that domain, `ALL` those of every domain, each for itself.
 */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Secret,
  SecretSchema,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import { trustDomainId } from "../../identity/spiffe-id.ts";
import { formatTrustBundlePem } from "../../identity/trust-bundle.ts";
import { SECRET_TYPE_URL } from "../../xds/type-urls.ts";
import type { ReadyState } from "./workload-state.ts";

const OWN_CERTIFICATE = "default";
const OWN_ROOTS = "ROOTCA";
const ALL_ROOTS = "ALL";
const VALIDATOR_TYPE_URL =
  "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig";

/** No names at all ask for all three. */
export function wantedNames(names: readonly string[]): readonly string[] {
  return names.length === 0 ? [OWN_CERTIFICATE, OWN_ROOTS, ALL_ROOTS] : [...new Set(names)];
}

/** Packed secrets under the names that were asked for, or the first name that there is no secret for. */
export function secretsFor(
  state: ReadyState,
  names: readonly string[],
):
  | { readonly kind: "secrets"; readonly resources: { typeUrl: string; value: Uint8Array }[] }
  | { readonly kind: "unknown"; readonly name: string } {
  const resources: { typeUrl: string; value: Uint8Array }[] = [];
  for (const name of wantedNames(names)) {
    const type = typeOf(state, name);
    if (type === undefined) return { kind: "unknown", name };
    const secret = create(SecretSchema, { name, type });
    resources.push({ typeUrl: SECRET_TYPE_URL, value: toBinary(SecretSchema, secret) });
  }
  return { kind: "secrets", resources };
}

function typeOf(state: ReadyState, name: string): Secret["type"] | undefined {
  const { trustDomain, spiffeId, bundles } = state;
  if (name === OWN_CERTIFICATE || name === spiffeId) return certificate(state);
  if (name === OWN_ROOTS) return roots(state, [trustDomain]);
  if (name === ALL_ROOTS) return roots(state, [...bundles.keys()]);
  const domain = [...bundles.keys()].find((one) => trustDomainId(one) === name);
  return domain === undefined ? undefined : roots(state, [domain]);
}

function certificate({ svid }: ReadyState): Secret["type"] {
  const { type } = create(SecretSchema, {
    type: {
      case: "tlsCertificate",
      value: {
        certificateChain: { specifier: { case: "inlineString", value: svid.certificateChainPem } },
        privateKey: { specifier: { case: "inlineString", value: svid.privateKeyPem } },
      },
    },
  });
  return type;
}

/** By the validator for SPIFFE, so that the roots of one domain never speak for another. */
function roots({ bundles }: ReadyState, domains: readonly string[]): Secret["type"] {
  const trustDomains = domains.flatMap((name) => {
    const pem = formatTrustBundlePem(bundles.get(name)?.x509 ?? { trustDomain: name, roots: [] });
    // The validator takes no empty bundle; a domain that is not named is not trusted either.
    const specifier = { case: "inlineString", value: pem } as const;
    return pem === "" ? [] : [{ name, trustBundle: { specifier } }];
  });
  const validator = create(SPIFFECertValidatorConfigSchema, { trustDomains });
  const { type } = create(SecretSchema, {
    type: {
      case: "validationContext",
      value: {
        customValidatorConfig: {
          name: "envoy.tls.cert_validator.spiffe",
          typedConfig: {
            typeUrl: VALIDATOR_TYPE_URL,
            value: toBinary(SPIFFECertValidatorConfigSchema, validator),
          },
        },
      },
    },
  });
  return type;
}
