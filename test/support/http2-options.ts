/** Envoy's way to say that a cluster's endpoints speak HTTP/2, and TLS that asks clients for nothing. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { KeyPair } from "./proxy-identities.ts";

const TYPE = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** Fields of a cluster whose connections are HTTP/2, by prior knowledge or within TLS. */
export const HTTP2_CLUSTER: JsonObject = {
  typed_extension_protocol_options: {
    [TYPE]: {
      "@type": `type.googleapis.com/${TYPE}`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

/** A listener's TLS for clients without certificates, as on a gateway. */
export function serverTls({ cert, key }: KeyPair, ...protocols: readonly string[]): JsonObject {
  return {
    common_tls_context: {
      alpn_protocols: [...protocols],
      tls_certificates: [
        { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } },
      ],
    },
  };
}

/** `containedTls` with other protocols than HTTP/1.1. */
export function withAlpn(tls: JsonObject, ...protocols: readonly string[]): JsonObject {
  const common = tls["common_tls_context"] as JsonObject;
  return { ...tls, common_tls_context: { ...common, alpn_protocols: [...protocols] } };
}
