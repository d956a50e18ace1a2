/** The listener of the bootstrap sample that answers name queries. */
import type { JsonObject } from "@bufbuild/protobuf";

const TYPE = "type.googleapis.com/envoy.extensions";

const TABLE: JsonObject = {
  external_retry_count: 1,
  known_suffixes: [{ suffix: ".svc.tulle.local" }],
  virtual_domains: [
    {
      name: "catalog.default.svc.tulle.local",
      endpoint: { address_list: { address: ["127.37.65.0"] } },
      answer_ttl: "30s",
    },
    {
      name: "catalog.default.svc.tulle.local",
      endpoint: {
        service_list: {
          services: [
            {
              service_name: "http",
              protocol: { name: "tcp" },
              ttl: "30s",
              targets: [
                {
                  host_name: "catalog.default.svc.tulle.local",
                  priority: 1,
                  weight: 1,
                  port: 20_080,
                },
              ],
            },
          ],
        },
      },
    },
  ],
};

export const DNS_LISTENER: JsonObject = {
  name: "dns",
  address: { socket_address: { protocol: "UDP", address: "127.0.0.1", port_value: 15_053 } },
  listener_filters: [
    {
      name: "envoy.filters.udp.dns_filter",
      typed_config: {
        "@type": `${TYPE}.filters.udp.dns_filter.v3.DnsFilterConfig`,
        stat_prefix: "dns",
        server_config: { inline_dns_table: TABLE },
        client_config: {
          resolver_timeout: "2s",
          max_pending_lookups: 256,
          typed_dns_resolver_config: {
            name: "envoy.network.dns_resolver.cares",
            typed_config: {
              "@type": `${TYPE}.network.dns_resolver.cares.v3.CaresDnsResolverConfig`,
              resolvers: [{ socket_address: { address: "127.0.0.53", port_value: 53 } }],
            },
          },
        },
      },
    },
  ],
};
