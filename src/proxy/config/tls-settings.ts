/** The TLS part of listeners and clusters, compiled: which secrets, which checks, which protocol. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import { compileStringMatcher, type StringTest } from "../../decision/string-matcher.ts";
import type { DataSource, TransportSocket } from "../../gen/envoy/config/core/v3/base_pb.js";
import type { TlsCertificate } from "../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import {
  type CertificateValidationContext,
  TlsParameters_TlsProtocol as Protocol,
  SubjectAltNameMatcher_SanType as SanType,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import type { CommonTlsContext } from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";

/** Text that stands in the configuration or in a file that the proxy reads when it starts. */
export type TextSource =
  | { readonly kind: "inline"; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

export interface CertificateSource {
  readonly chain: TextSource;
  readonly key: TextSource;
}

export interface ValidationSource {
  readonly trustedCa: TextSource | undefined;
  /** Trust bundles by SPIFFE trust domain: the SPIFFE rules apply when there are any. */
  readonly trustDomains: readonly { readonly name: string; readonly bundle: TextSource }[];
}

export interface SubjectNameTest {
  readonly kind: "uri" | "dns";
  readonly test: StringTest;
  /** For messages. */
  readonly expected: string;
}

/** A secret by name (SDS), or contained. */
export type SecretReference<T> =
  | { readonly kind: "named"; readonly name: string }
  | { readonly kind: "contained"; readonly value: T };

export interface TlsSettings {
  readonly certificate: SecretReference<CertificateSource> | undefined;
  readonly validation: SecretReference<ValidationSource> | undefined;
  readonly subjectNames: readonly SubjectNameTest[];
  readonly alpnProtocols: readonly string[];
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  /** Client side. */
  readonly serverName: string;
  /** Server side. */
  readonly requiresClientCertificate: boolean;
}

/** Undefined for plain text. */
export function compileTransportSocket(
  socket: TransportSocket | undefined,
  side: "client" | "server",
  path: string,
  errors: FieldError[],
): TlsSettings | undefined {
  const any = socket?.configType.value;
  if (any === undefined || any.typeUrl.endsWith(".RawBuffer")) return undefined;
  const at = `${path}.typed_config`;
  if (side === "client") {
    const context = anyUnpack(any, UpstreamTlsContextSchema);
    if (context !== undefined) {
      return settings(context.commonTlsContext, at, errors, { serverName: context.sni });
    }
  } else {
    const context = anyUnpack(any, DownstreamTlsContextSchema);
    if (context !== undefined) {
      const required = context.requireClientCertificate ?? false;
      return settings(context.commonTlsContext, at, errors, {
        requiresClientCertificate: required,
      });
    }
  }
  errors.push({ path: at, message: `${any.typeUrl} is not a TLS context for this side` });
  return undefined;
}

function settings(
  common: CommonTlsContext | undefined,
  path: string,
  errors: FieldError[],
  side: Partial<TlsSettings>,
): TlsSettings {
  const at = `${path}.common_tls_context`;
  if (common === undefined) errors.push({ path: at, message: "is required" });
  const certificates = common?.tlsCertificates ?? [];
  if (certificates.length > 1) {
    errors.push({ path: `${at}.tls_certificates`, message: "only one certificate is implemented" });
  }
  const named = common?.tlsCertificateSdsSecretConfigs[0];
  const contained = certificates[0];
  return {
    certificate:
      named !== undefined
        ? { kind: "named", name: named.name }
        : contained === undefined
          ? undefined
          : {
              kind: "contained",
              value: compileCertificate(contained, `${at}.tls_certificates[0]`, errors),
            },
    ...validationOf(common, at, errors),
    alpnProtocols: common?.alpnProtocols ?? [],
    minVersion:
      common?.tlsParams?.tlsMinimumProtocolVersion === Protocol.TLSv1_3 ? "TLSv1.3" : "TLSv1.2",
    maxVersion:
      common?.tlsParams?.tlsMaximumProtocolVersion === Protocol.TLSv1_2 ? "TLSv1.2" : "TLSv1.3",
    serverName: "",
    requiresClientCertificate: false,
    ...side,
  };
}

function validationOf(
  common: CommonTlsContext | undefined,
  path: string,
  errors: FieldError[],
): Pick<TlsSettings, "validation" | "subjectNames"> {
  const type = common?.validationContextType;
  switch (type?.case) {
    case "validationContext": {
      const at = `${path}.validation_context`;
      const value = compileValidation(type.value, at, errors);
      return {
        validation: { kind: "contained", value },
        subjectNames: compileSubjectNames(type.value, at, errors),
      };
    }
    case "validationContextSdsSecretConfig":
      return { validation: { kind: "named", name: type.value.name }, subjectNames: [] };
    case "combinedValidationContext": {
      const own = type.value.defaultValidationContext;
      const name = type.value.validationContextSdsSecretConfig?.name ?? "";
      const at = `${path}.combined_validation_context.default_validation_context`;
      return {
        validation: { kind: "named", name },
        subjectNames: own === undefined ? [] : compileSubjectNames(own, at, errors),
      };
    }
    default:
      return { validation: undefined, subjectNames: [] };
  }
}

function compileSubjectNames(
  context: CertificateValidationContext,
  path: string,
  errors: FieldError[],
): SubjectNameTest[] {
  return context.matchTypedSubjectAltNames.map((name, index) => {
    const at = `${path}.match_typed_subject_alt_names[${index}]`;
    const isUri = name.sanType === SanType.URI;
    if (!isUri && name.sanType !== SanType.DNS) {
      errors.push({ path: `${at}.san_type`, message: "only URI and DNS are implemented" });
    }
    const matcher = name.matcher;
    if (matcher === undefined) errors.push({ path: `${at}.matcher`, message: "is required" });
    return {
      kind: isUri ? "uri" : "dns",
      test:
        matcher === undefined
          ? () => false
          : compileStringMatcher(matcher, `${at}.matcher`, errors),
      expected: String(matcher?.matchPattern.value ?? ""),
    };
  });
}

export function compileCertificate(
  certificate: TlsCertificate,
  path: string,
  errors: FieldError[],
): CertificateSource {
  return {
    chain: textSource(certificate.certificateChain, `${path}.certificate_chain`, errors),
    key: textSource(certificate.privateKey, `${path}.private_key`, errors),
  };
}

export function compileValidation(
  context: CertificateValidationContext,
  path: string,
  errors: FieldError[],
): ValidationSource {
  const custom = context.customValidatorConfig?.typedConfig;
  const spiffe =
    custom === undefined ? undefined : anyUnpack(custom, SPIFFECertValidatorConfigSchema);
  const at = `${path}.custom_validator_config.typed_config`;
  return {
    trustedCa:
      context.trustedCa === undefined
        ? undefined
        : textSource(context.trustedCa, `${path}.trusted_ca`, errors),
    trustDomains: (spiffe?.trustDomains ?? []).map((domain, index) => ({
      name: domain.name,
      bundle: textSource(domain.trustBundle, `${at}.trust_domains[${index}].trust_bundle`, errors),
    })),
  };
}

function textSource(
  source: DataSource | undefined,
  path: string,
  errors: FieldError[],
): TextSource {
  const specifier = source?.specifier;
  switch (specifier?.case) {
    case "filename":
      return { kind: "file", path: specifier.value };
    case "inlineString":
      return { kind: "inline", text: specifier.value };
    case "inlineBytes":
      return { kind: "inline", text: Buffer.from(specifier.value).toString("utf8") };
    default:
      errors.push({ path, message: "one of filename, inline_string, inline_bytes is required" });
      return { kind: "inline", text: "" };
  }
}
