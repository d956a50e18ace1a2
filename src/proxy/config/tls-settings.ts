/** The TLS part of listeners and clusters, compiled: which secrets, which checks, which protocol. */
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FieldError } from "../../decision/field-error.ts";
import { compileStringMatcher, type StringTest } from "../../decision/string-matcher.ts";
import type { DataSource, TransportSocket } from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  type CertificateValidationContext,
  TlsParameters_TlsProtocol as Protocol,
  SubjectAltNameMatcher_SanType as SanType,
  type TlsCertificate,
  type TlsParameters,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import type { SdsSecretConfig } from "../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
  type CommonTlsContext,
  type CommonTlsContext_CombinedCertificateValidationContext,
  type DownstreamTlsContext,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { SPIFFECertValidatorConfigSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import type { StringMatcher } from "../../gen/envoy/type/matcher/v3/string_pb.js";
import { DEFAULT_TLS_GROUPS, TLS_GROUPS } from "../../net/tls-parameters.ts";

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
  /** The kind of `test`: settings whose tests differ must not look the same as JSON. */
  readonly matcher: string;
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
  /** Key exchange groups, the most wanted first. */
  readonly groups: readonly string[];
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
  if (socket === undefined) return undefined;
  const any = socket.configType.value;
  const at = `${path}.typed_config`;
  if (any === undefined) {
    // A socket that was meant to be TLS must never be plain text because its settings are missing.
    errors.push({ path: at, message: "is required" });
    return undefined;
  }
  if (any.typeUrl.endsWith(".RawBuffer")) return undefined;
  if (side === "client") {
    const context = anyUnpack(any, UpstreamTlsContextSchema);
    if (context !== undefined) {
      return settings(context.commonTlsContext, at, errors, { serverName: context.sni });
    }
  } else {
    const context = anyUnpack(any, DownstreamTlsContextSchema);
    if (context !== undefined) return serverSettings(context, at, errors);
  }
  errors.push({ path: at, message: `${any.typeUrl} is not a TLS context for this side` });
  return undefined;
}

function serverSettings(
  context: DownstreamTlsContext,
  path: string,
  errors: FieldError[],
): TlsSettings {
  const requiresClientCertificate = context.requireClientCertificate ?? false;
  const at = `${path}.common_tls_context.alpn_protocols`;
  const tls = settings(context.commonTlsContext, path, errors, {
    requiresClientCertificate,
    alpnProtocols: alpnOf(context.commonTlsContext?.alpnProtocols ?? [], at, errors),
  });
  if (tls.certificate === undefined) {
    const message = "tls_certificates or tls_certificate_sds_secret_configs is required";
    errors.push({ path: `${path}.common_tls_context`, message });
  }
  if (requiresClientCertificate && tls.validation === undefined) {
    const message = "needs a validation context: without one any certificate would do";
    errors.push({ path: `${path}.require_client_certificate`, message });
  }
  return tls;
}

function settings(
  common: CommonTlsContext | undefined,
  path: string,
  errors: FieldError[],
  side: Partial<TlsSettings>,
): TlsSettings {
  const at = `${path}.common_tls_context`;
  if (common === undefined) errors.push({ path: at, message: "is required" });
  return {
    certificate: common === undefined ? undefined : certificateOf(common, at, errors),
    ...validationOf(common, at, errors),
    alpnProtocols: common?.alpnProtocols ?? [],
    ...versionsOf(common?.tlsParams, `${at}.tls_params`, errors),
    groups: groupsOf(common?.tlsParams?.ecdhCurves ?? [], `${at}.tls_params.ecdh_curves`, errors),
    serverName: "",
    requiresClientCertificate: false,
    ...side,
  };
}

/**
 * RFC 7301 section 3.1: the list is an offer from which one protocol is chosen. Leaving out those that are
 * not implemented changes the choice, never its meaning; an offer of which nothing is left is refused.
 */
function alpnOf(offered: readonly string[], path: string, errors: FieldError[]): readonly string[] {
  const known = offered.filter((protocol) => !protocol.startsWith("h3"));
  if (offered.length > 0 && known.length === 0) {
    errors.push({ path, message: `${offered.join(", ")} is not implemented; add h2 or http/1.1` });
  }
  return known;
}

function certificateOf(
  common: CommonTlsContext,
  path: string,
  errors: FieldError[],
): TlsSettings["certificate"] {
  const { tlsCertificates, tlsCertificateSdsSecretConfigs: named } = common;
  if (tlsCertificates.length + named.length > 1) {
    errors.push({ path, message: "only one certificate is implemented" });
  }
  const [secret] = named;
  if (secret !== undefined) {
    return namedSecret(secret, `${path}.tls_certificate_sds_secret_configs[0]`, errors);
  }
  const [contained] = tlsCertificates;
  if (contained === undefined) return undefined;
  const value = compileCertificate(contained, `${path}.tls_certificates[0]`, errors);
  return { kind: "contained", value };
}

function namedSecret(
  secret: SdsSecretConfig | undefined,
  path: string,
  errors: FieldError[],
): { readonly kind: "named"; readonly name: string } {
  const name = secret?.name ?? "";
  if (name === "") errors.push({ path: `${path}.name`, message: "a secret's name is required" });
  return { kind: "named", name };
}

function versionsOf(
  params: TlsParameters | undefined,
  path: string,
  errors: FieldError[],
): Pick<TlsSettings, "minVersion" | "maxVersion"> {
  const min = params?.tlsMinimumProtocolVersion ?? Protocol.TLS_AUTO;
  const max = params?.tlsMaximumProtocolVersion ?? Protocol.TLS_AUTO;
  const message = "TLS 1.0 and 1.1 are not implemented";
  if (min === Protocol.TLSv1_0 || min === Protocol.TLSv1_1) {
    errors.push({ path: `${path}.tls_minimum_protocol_version`, message });
  }
  if (max === Protocol.TLSv1_0 || max === Protocol.TLSv1_1) {
    errors.push({ path: `${path}.tls_maximum_protocol_version`, message });
  }
  if (min === Protocol.TLSv1_3 && max === Protocol.TLSv1_2) {
    errors.push({ path, message: "the minimum is above the maximum" });
  }
  return {
    minVersion: min === Protocol.TLSv1_3 ? "TLSv1.3" : "TLSv1.2",
    maxVersion: max === Protocol.TLSv1_2 ? "TLSv1.2" : "TLSv1.3",
  };
}

function groupsOf(
  configured: readonly string[],
  path: string,
  errors: FieldError[],
): readonly string[] {
  if (configured.length === 0) return DEFAULT_TLS_GROUPS;
  for (const [index, name] of configured.entries()) {
    const at = `${path}[${index}]`;
    if (!TLS_GROUPS.has(name)) {
      const known = [...TLS_GROUPS].join(", ");
      errors.push({ path: at, message: `${name} is not implemented; use one of ${known}` });
    } else if (configured.indexOf(name) < index) {
      errors.push({ path: at, message: `${name} stands in two places` });
    }
  }
  return configured;
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
      const value = validationSource(type.value, at, errors);
      return {
        validation: { kind: "contained", value },
        subjectNames: compileSubjectNames(type.value, at, errors),
      };
    }
    case "validationContextSdsSecretConfig": {
      const at = `${path}.validation_context_sds_secret_config`;
      return { validation: namedSecret(type.value, at, errors), subjectNames: [] };
    }
    case "combinedValidationContext":
      return combinedValidation(type.value, `${path}.combined_validation_context`, errors);
    default:
      return { validation: undefined, subjectNames: [] };
  }
}

/** The trust comes from the secret, the expected names from the context beside it. */
function combinedValidation(
  combined: CommonTlsContext_CombinedCertificateValidationContext,
  path: string,
  errors: FieldError[],
): Pick<TlsSettings, "validation" | "subjectNames"> {
  const own = combined.defaultValidationContext;
  const at = `${path}.default_validation_context`;
  if (own?.trustedCa !== undefined || own?.customValidatorConfig !== undefined) {
    const message = "only match_typed_subject_alt_names is implemented here";
    errors.push({ path: at, message });
  }
  const secret = combined.validationContextSdsSecretConfig;
  return {
    validation: namedSecret(secret, `${path}.validation_context_sds_secret_config`, errors),
    subjectNames: own === undefined ? [] : compileSubjectNames(own, at, errors),
  };
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
      ...describeMatcher(matcher),
    };
  });
}

function describeMatcher(
  matcher: StringMatcher | undefined,
): Pick<SubjectNameTest, "matcher" | "expected"> {
  const pattern = matcher?.matchPattern;
  const value = pattern?.case === "safeRegex" ? pattern.value.regex : pattern?.value;
  return {
    matcher: `${pattern?.case ?? ""}${matcher?.ignoreCase === true ? " ignore_case" : ""}`,
    expected: String(value ?? ""),
  };
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

/** The trust that a secret brings. */
export function compileValidation(
  context: CertificateValidationContext,
  path: string,
  errors: FieldError[],
): ValidationSource {
  if (context.matchTypedSubjectAltNames.length > 0) {
    const message = "is implemented only beside the reference to the secret, not in it";
    errors.push({ path: `${path}.match_typed_subject_alt_names`, message });
  }
  return validationSource(context, path, errors);
}

function validationSource(
  context: CertificateValidationContext,
  path: string,
  errors: FieldError[],
): ValidationSource {
  const trustDomains = compileTrustDomains(context, path, errors);
  if (context.trustedCa === undefined && trustDomains.length === 0) {
    const message = "trusted_ca or custom_validator_config is required: names alone prove nothing";
    errors.push({ path, message });
  }
  return {
    trustedCa:
      context.trustedCa === undefined
        ? undefined
        : textSource(context.trustedCa, `${path}.trusted_ca`, errors),
    trustDomains,
  };
}

function compileTrustDomains(
  context: CertificateValidationContext,
  path: string,
  errors: FieldError[],
): ValidationSource["trustDomains"] {
  const custom = context.customValidatorConfig?.typedConfig;
  if (custom === undefined) return [];
  const at = `${path}.custom_validator_config.typed_config`;
  const domains = anyUnpack(custom, SPIFFECertValidatorConfigSchema)?.trustDomains ?? [];
  const seen = new Set<string>();
  return domains.map(({ name, trustBundle }, index) => {
    const place = `${at}.trust_domains[${index}]`;
    if (name === "") errors.push({ path: `${place}.name`, message: "a trust domain is required" });
    if (seen.has(name)) {
      errors.push({ path: `${place}.name`, message: `${name} stands in two places` });
    }
    seen.add(name);
    return { name, bundle: textSource(trustBundle, `${place}.trust_bundle`, errors) };
  });
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
