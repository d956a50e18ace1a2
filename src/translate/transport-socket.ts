/**
 * Mutual TLS 1.3 between sidecars. Certificates and roots are named, never contained: SDS brings them, and
 * the private key stays in the sidecar.
 */
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type TransportSocket,
  TransportSocketSchema,
} from "../gen/envoy/config/core/v3/base_pb.js";
import {
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
  TlsParameters_TlsProtocol,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
  type CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { OWN_CERTIFICATE_SECRET, SYSTEM_ROOTS_FILE, TRUST_BUNDLE_SECRET } from "./defaults.ts";
import { adsConfigSource, pack } from "./message.ts";

export interface UpstreamIdentity {
  readonly sni: string;
  readonly alpn: readonly string[];
  /** SPIFFE ids, one of which the peer's certificate must hold. Not empty: Envoy takes any peer then. */
  readonly spiffeIds: readonly string[];
}

/** The client's side: proves who we are, and accepts only the identities behind the Service. */
export function upstreamTls(identity: UpstreamIdentity): TransportSocket {
  return tlsSocket(UpstreamTlsContextSchema, {
    sni: identity.sni,
    commonTlsContext: commonTls(identity.alpn, {
      case: "combinedValidationContext",
      value: {
        defaultValidationContext: {
          matchTypedSubjectAltNames: identity.spiffeIds.map((id) =>
            create(SubjectAltNameMatcherSchema, {
              sanType: SubjectAltNameMatcher_SanType.URI,
              matcher: { matchPattern: { case: "exact", value: id } },
            }),
          ),
        },
        validationContextSdsSecretConfig: secret(TRUST_BUNDLE_SECRET),
      },
    }),
  });
}

/** The server's side: no certificate, no connection. */
export function downstreamTls(alpn: readonly string[]): TransportSocket {
  return tlsSocket(DownstreamTlsContextSchema, {
    requireClientCertificate: true,
    commonTlsContext: commonTls(alpn, {
      case: "validationContextSdsSecretConfig",
      value: secret(TRUST_BUNDLE_SECRET),
    }),
  });
}

export interface GatewayCertificate {
  /** Paths on the gateway's machine. */
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly minVersion: "1.2" | "1.3";
  /** Empty for no ALPN. */
  readonly alpn: readonly string[];
}

/** The server's side at the edge: whoever comes is a stranger, and shows no certificate. */
export function gatewayTls({
  certificateFile,
  keyFile,
  minVersion,
  alpn,
}: GatewayCertificate): TransportSocket {
  const { TLSv1_2, TLSv1_3 } = TlsParameters_TlsProtocol;
  return tlsSocket(DownstreamTlsContextSchema, {
    commonTlsContext: {
      tlsParams: {
        tlsMinimumProtocolVersion: minVersion === "1.3" ? TLSv1_3 : TLSv1_2,
        tlsMaximumProtocolVersion: TLSv1_3,
      },
      alpnProtocols: [...alpn],
      tlsCertificates: [
        {
          certificateChain: { specifier: { case: "filename", value: certificateFile } },
          privateKey: { specifier: { case: "filename", value: keyFile } },
        },
      ],
    },
  });
}

export interface OutsideIdentity {
  readonly sni: string;
  /** Empty for no ALPN. */
  readonly alpn: readonly string[];
  /** DNS names, one of which the certificate must hold. Not empty. */
  readonly dnsNames: readonly string[];
  /** PEM; undefined for the roots of the system. */
  readonly caCertificates: string | undefined;
}

/** TLS to a host outside the mesh: it proves who it is, we do not. */
export function originateTls(identity: OutsideIdentity): TransportSocket {
  const { sni, alpn, dnsNames, caCertificates } = identity;
  return tlsSocket(UpstreamTlsContextSchema, {
    sni,
    commonTlsContext: {
      // TLS 1.2 is what many hosts still have at most.
      tlsParams: {
        tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
        tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
      },
      alpnProtocols: [...alpn],
      validationContextType: {
        case: "validationContext",
        value: {
          trustedCa: {
            specifier:
              caCertificates === undefined
                ? { case: "filename", value: SYSTEM_ROOTS_FILE }
                : { case: "inlineString", value: caCertificates },
          },
          matchTypedSubjectAltNames: dnsNames.map((name) =>
            create(SubjectAltNameMatcherSchema, {
              sanType: SubjectAltNameMatcher_SanType.DNS,
              matcher: { matchPattern: { case: "exact", value: name } },
            }),
          ),
        },
      },
    },
  });
}

type CommonTlsInit = MessageInitShape<typeof CommonTlsContextSchema>;

function commonTls(
  alpn: readonly string[],
  validationContextType: NonNullable<CommonTlsInit["validationContextType"]>,
): CommonTlsInit {
  return {
    tlsParams: {
      tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
      tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
    },
    alpnProtocols: [...alpn],
    tlsCertificateSdsSecretConfigs: [secret(OWN_CERTIFICATE_SECRET)],
    validationContextType,
  };
}

function secret(name: string): SdsSecretConfig {
  return create(SdsSecretConfigSchema, { name, sdsConfig: adsConfigSource() });
}

function tlsSocket<Desc extends DescMessage>(
  schema: Desc,
  context: MessageInitShape<Desc>,
): TransportSocket {
  return create(TransportSocketSchema, {
    name: "envoy.transport_sockets.tls",
    configType: { case: "typedConfig", value: pack(schema, create(schema, context)) },
  });
}
