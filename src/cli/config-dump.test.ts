import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_SECTIONS, sectionDump, sectionTable } from "./config-dump.ts";

/** The parts of a real dump that the tables read (envoy.admin.v3.ConfigDump in JSON). */
const DUMP = {
  configs: [
    {
      "@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump",
      bootstrap: { node: { id: "a" } },
    },
    {
      "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
      static_clusters: [{ cluster: { name: "xds", type: "STATIC" } }],
      dynamic_active_clusters: [
        {
          version_info: "7",
          cluster: {
            name: "outbound|80||catalog",
            type: "EDS",
            transport_socket: { name: "tls" },
            load_balancing_policy: {
              policies: [
                { typed_extension_config: { name: "envoy.load_balancing_policies.peak_ewma" } },
                { typed_extension_config: { name: "envoy.load_balancing_policies.least_request" } },
              ],
            },
          },
        },
      ],
    },
    {
      "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
      dynamic_listeners: [
        {
          name: "in",
          accepted_connections: { h2: 4, tcp: 1 },
          active_state: {
            version_info: "3",
            listener: {
              name: "inbound|15006",
              address: { socket_address: { address: "127.0.0.1", port_value: 15_006 } },
              filter_chains: [
                {
                  transport_socket: {},
                  filter_chain_match: { application_protocols: ["tulle-tcp"] },
                  filters: [{ name: "envoy.filters.network.tcp_proxy" }],
                },
              ],
              default_filter_chain: {
                transport_socket: {},
                filters: [{ name: "envoy.filters.network.http_connection_manager" }],
              },
              metadata: {
                filter_metadata: { tulle: { protocol: "auto", origin: "the instance's port" } },
              },
            },
          },
        },
      ],
    },
    {
      "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump",
      dynamic_route_configs: [
        {
          version_info: "9",
          route_config: {
            name: "outbound|80||catalog",
            virtual_hosts: [
              {
                domains: ["*"],
                routes: [
                  {
                    match: { prefix: "/api", headers: [{ name: "x-beta" }] },
                    route: {
                      weighted_clusters: {
                        clusters: [
                          { name: "v1", weight: 90 },
                          { name: "v2", weight: 10 },
                        ],
                      },
                    },
                  },
                  { match: { safe_regex: { regex: "/x.*" } }, redirect: {} },
                  { match: { path: "/" }, direct_response: { status: 404 } },
                ],
              },
            ],
          },
        },
      ],
    },
    {
      "@type": "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump",
      dynamic_endpoint_configs: [
        {
          endpoint_config: {
            cluster_name: "outbound|80||catalog",
            endpoints: [
              {
                locality: { zone: "a" },
                lb_endpoints: [
                  {
                    endpoint: {
                      address: { socket_address: { address: "127.1.2.3", port_value: 80 } },
                    },
                    health_status: "HEALTHY",
                  },
                ],
              },
            ],
          },
        },
      ],
    },
    {
      "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump",
      dynamic_active_secrets: [
        {
          name: "default",
          last_updated: "2026-01-01T00:00:00Z",
          secret: { name: "default", tls_certificate: {} },
        },
      ],
    },
  ],
};

test("each section becomes rows", () => {
  assert.deepEqual(sectionTable(DUMP, "clusters").rows, [
    ["xds", "STATIC", "round_robin", "-", "static"],
    ["outbound|80||catalog", "EDS", "peak_ewma", "yes", "7"],
  ]);
  assert.deepEqual(sectionTable(DUMP, "listeners").rows, [
    [
      "inbound|15006",
      "127.0.0.1:15006",
      "detected",
      "the instance's port",
      "TLS, tcp_proxy for tulle-tcp; TLS, http_connection_manager",
      "h2 4, tcp 1",
      "3",
    ],
  ]);
  assert.deepEqual(sectionTable(DUMP, "routes").rows, [
    ["outbound|80||catalog", "*", "prefix /api, header x-beta", "v1 90, v2 10", "9"],
    ["outbound|80||catalog", "*", "regex /x.*", "redirect", "9"],
    ["outbound|80||catalog", "*", "path /", "respond 404", "9"],
  ]);
  assert.deepEqual(sectionTable(DUMP, "endpoints").rows, [
    ["outbound|80||catalog", "127.1.2.3:80", "HEALTHY", "a", "1"],
  ]);
  assert.deepEqual(sectionTable(DUMP, "secrets").rows, [
    ["default", "tls certificate", "active", "2026-01-01T00:00:00Z"],
  ]);
  assert.deepEqual(sectionDump(DUMP, "bootstrap")["bootstrap"], { node: { id: "a" } });
});

test("a dump of another shape shows nothing and breaks nothing", () => {
  for (const dump of [null, 1, {}, { configs: {} }, { configs: [1, { "@type": 5 }] }]) {
    for (const section of CONFIG_SECTIONS) {
      if (section !== "bootstrap") assert.deepEqual(sectionTable(dump, section).rows, []);
    }
  }
});
