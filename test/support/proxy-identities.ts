/** Certificates of a small mesh, and the TLS contexts that name them as the control plane's do. */
import type { JsonObject } from "@bufbuild/protobuf";
import {
  type CertificateParts,
  createTestLeaf,
  createTestRoot,
  svidOf,
  type TestIssuer,
} from "../../src/identity/certificate-fixtures.ts";
import { formatCertificatesPem } from "../../src/identity/pem.ts";
import { TrustBundleSet, trustBundleFromDer } from "../../src/identity/trust-bundle.ts";
import type { DataPlane } from "../../src/proxy/data-plane.ts";

export const TRUST_DOMAIN = "mesh.test";
export const OWN_CERTIFICATE = "default";
export const TRUST_BUNDLE = "ROOTCA";

export interface KeyPair {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export function idFor(account: string, trustDomain = TRUST_DOMAIN): string {
  return `spiffe://${trustDomain}/ns/shop/sa/${account}`;
}

export function rootOf(name = "root"): TestIssuer {
  return createTestRoot(Date.now(), name);
}

/** A certificate for these URIs, with parts of it replaced. */
export function keyPair(
  root: TestIssuer,
  uris: readonly string[],
  parts: CertificateParts = {},
): KeyPair {
  const leaf = createTestLeaf(Date.now(), root, uris, parts);
  const svid = svidOf(leaf, idFor("any"));
  return { cert: svid.certificateChainPem, key: svid.privateKeyPem };
}

export function pemOf(...roots: readonly TestIssuer[]): string {
  return formatCertificatesPem(roots.map(({ der }) => der));
}

/** What the identity agent and SDS give to a sidecar. */
export function setIdentity(
  dataPlane: DataPlane,
  { cert, key }: KeyPair,
  roots: readonly TestIssuer[],
): void {
  dataPlane.secrets.setCertificate(OWN_CERTIFICATE, { chainPem: cert, keyPem: key });
  setRoots(dataPlane, roots);
}

export function setRoots(dataPlane: DataPlane, roots: readonly TestIssuer[]): void {
  const bundle = trustBundleFromDer(
    TRUST_DOMAIN,
    roots.map(({ der }) => der),
  );
  dataPlane.secrets.setValidation(TRUST_BUNDLE, {
    caPem: "",
    bundles: new TrustBundleSet([bundle]),
  });
}

const SDS = { sds_config: { ads: {}, resource_api_version: "V3" } };
const COMMON: JsonObject = {
  tls_params: {
    tls_minimum_protocol_version: "TLSv1_3",
    tls_maximum_protocol_version: "TLSv1_3",
  },
  alpn_protocols: ["http/1.1"],
  tls_certificate_sds_secret_configs: [{ name: OWN_CERTIFICATE, ...SDS }],
};

/** Mutual TLS as an inbound listener has it. */
export const DOWNSTREAM_TLS: JsonObject = {
  require_client_certificate: true,
  common_tls_context: {
    ...COMMON,
    validation_context_sds_secret_config: { name: TRUST_BUNDLE, ...SDS },
  },
};

/** Mutual TLS towards one of these identities. */
export function upstreamTls(...ids: readonly string[]): JsonObject {
  return {
    sni: "outbound_.80_._.app.shop.svc.mesh.test",
    common_tls_context: {
      ...COMMON,
      combined_validation_context: {
        default_validation_context: {
          match_typed_subject_alt_names: ids.map((id) => ({
            san_type: "URI",
            matcher: { exact: id },
          })),
        },
        validation_context_sds_secret_config: { name: TRUST_BUNDLE, ...SDS },
      },
    },
  };
}

/** Mutual TLS with everything in the file. `peer` is the one identity that an upstream may have. */
export function containedTls(
  own: KeyPair,
  roots: readonly TestIssuer[],
  peer?: string,
): JsonObject {
  const bundle = { inline_string: pemOf(...roots) };
  const validator = {
    name: "envoy.tls.cert_validator.spiffe",
    typed_config: {
      "@type":
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
      trust_domains: [{ name: TRUST_DOMAIN, trust_bundle: bundle }],
    },
  };
  const names =
    peer === undefined
      ? {}
      : { match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: peer } }] };
  return {
    ...(peer === undefined ? { require_client_certificate: true } : { sni: "app" }),
    common_tls_context: {
      tls_params: COMMON["tls_params"] ?? {},
      alpn_protocols: ["http/1.1"],
      tls_certificates: [
        { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } },
      ],
      validation_context: { custom_validator_config: validator, ...names },
    },
  };
}
