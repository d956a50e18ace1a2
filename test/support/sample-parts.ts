/** Small parts of the sample bootstrap file that several of its parts use. */
import type { JsonObject } from "@bufbuild/protobuf";

export const TYPE = "type.googleapis.com/envoy";
const TLS = `${TYPE}.extensions.transport_sockets.tls.v3`;
export const LB = `${TYPE}.extensions.load_balancing_policies`;

export const ADS = { ads: {}, resource_api_version: "V3" };
export const PREFIX = { prefix: "/" };
export const OK = { status: 200 };
export const inline = (text: string): JsonObject => ({ inline_string: text });
export const socketAddress = (port: number): JsonObject => ({
  socket_address: { protocol: "TCP", address: "127.0.0.1", port_value: port },
});
export const metadata = (value: JsonObject): JsonObject => ({ filter_metadata: { istio: value } });

export const MUTATIONS: JsonObject = {
  request_headers_to_add: [
    { header: { key: "x-a", value: "1" }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
  ],
  request_headers_to_remove: ["x-b"],
  response_headers_to_add: [{ header: { key: "x-c", value: "3" }, append: true }],
  response_headers_to_remove: ["x-d"],
};

export const CERTIFICATE = {
  certificate_chain: { filename: "/chain.pem" },
  private_key: inline("key"),
};
const BUNDLE = { inline_bytes: Buffer.from("bundle").toString("base64") };
export const SPIFFE = {
  name: "envoy.tls.cert_validator.spiffe",
  typed_config: {
    "@type": `${TLS}.SPIFFECertValidatorConfig`,
    trust_domains: [{ name: "tulle.local", trust_bundle: BUNDLE }],
  },
};
export const PEER_NAME = { san_type: "URI", matcher: { exact: "spiffe://tulle.local/ns/a/sa/b" } };
export const secret = (name: string): JsonObject => ({ name, sds_config: ADS });

export function tls(
  side: "Upstream" | "Downstream",
  common: JsonObject,
  more: JsonObject,
): JsonObject {
  const typed_config = {
    "@type": `${TLS}.${side}TlsContext`,
    common_tls_context: common,
    ...more,
  };
  return { name: "envoy.transport_sockets.tls", typed_config };
}
