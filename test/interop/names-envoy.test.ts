/** The same listener with the DNS filter in a real Envoy and in our sidecar: both give the same answers to name queries. */
import assert from "node:assert/strict";
import { promises as dns } from "node:dns";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { CallbackFaults } from "../../src/proxy/callback-faults.ts";
import { createDnsMetrics } from "../../src/proxy/dns/dns-metrics.ts";
import { DnsServer } from "../../src/proxy/dns/dns-server.ts";
import { NameTable } from "../../src/proxy/dns/name-table.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";

const envoy = await envoyOrSkip();
const TYPE = "type.googleapis.com/envoy.extensions";
const HOST = "catalog.default.svc.tulle.local";

function addresses(name: string, ...address: string[]): JsonObject {
  return { name, endpoint: { address_list: { address } }, answer_ttl: "30s" };
}

const SERVICE: JsonObject = {
  name: HOST,
  endpoint: {
    service_list: {
      services: [
        {
          service_name: "http",
          protocol: { name: "tcp" },
          ttl: "30s",
          targets: [{ host_name: HOST, port: 20_080, priority: 0, weight: 1 }],
        },
      ],
    },
  },
};

function listener(server: number): JsonObject {
  const socket_address = { protocol: "UDP", address: "127.0.0.1", port_value: 0 };
  const resolvers = [{ socket_address: { address: "127.0.0.1", port_value: server } }];
  const typed_config: JsonObject = {
    "@type": `${TYPE}.filters.udp.dns_filter.v3.DnsFilterConfig`,
    stat_prefix: "dns",
    server_config: {
      inline_dns_table: {
        virtual_domains: [
          addresses(HOST, "127.37.65.0"),
          SERVICE,
          addresses("db.default.svc.tulle.local", "127.37.65.1", "127.37.65.2"),
          addresses("six.example", "2001:db8::1"),
          addresses("*.pay.example", "127.37.65.3"),
          addresses("*.eu.pay.example", "127.37.65.4"),
          addresses("api.pay.example", "127.37.65.5"),
        ],
      },
    },
    client_config: {
      resolver_timeout: "5s",
      max_pending_lookups: 16,
      typed_dns_resolver_config: {
        name: "envoy.network.dns_resolver.cares",
        typed_config: {
          "@type": `${TYPE}.network.dns_resolver.cares.v3.CaresDnsResolverConfig`,
          resolvers,
        },
      },
    },
  };
  return {
    name: "dns",
    address: { socket_address },
    listener_filters: [{ name: "envoy.filters.udp.dns_filter", typed_config }],
  };
}

async function startElsewhere(context: TestContext): Promise<number> {
  const registry = new MetricRegistry();
  const addresses = [Uint8Array.of(192, 0, 2, 7)];
  const named = { kind: "addresses", name: "www.example.com", ttlSeconds: 60, addresses } as const;
  const server = await DnsServer.listen({
    address: { host: "127.0.0.1", port: 0 },
    config: { table: new NameTable({ domains: [named], zones: [] }), forwarding: undefined },
    clock: systemClock,
    metrics: createDnsMetrics(registry),
    faults: new CallbackFaults(registry, silentLogger),
  });
  context.after(() => server.close());
  return server.port;
}

function resolverAt(port: number): dns.Resolver {
  const resolver = new dns.Resolver({ timeout: 10_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return resolver;
}

type Query = (resolver: dns.Resolver) => Promise<unknown>;

const QUERIES: Readonly<Record<string, readonly [query: Query, answer: unknown]>> = {
  "an address, and how long it holds": [
    (at) => at.resolve4(HOST, { ttl: true }),
    [{ address: "127.37.65.0", ttl: 30 }],
  ],
  "letters of any case": [(at) => at.resolve4("Catalog.DEFAULT.svc.tulle.local"), ["127.37.65.0"]],
  "several addresses": [
    async (at) => (await at.resolve4("db.default.svc.tulle.local")).sort(),
    ["127.37.65.1", "127.37.65.2"],
  ],
  "an address of IPv6": [(at) => at.resolve6("six.example"), ["2001:db8::1"]],
  "a name below a wildcard": [(at) => at.resolve4("shop.pay.example"), ["127.37.65.3"]],
  "the longest wildcard": [(at) => at.resolve4("shop.eu.pay.example"), ["127.37.65.4"]],
  "an own name before a wildcard": [(at) => at.resolve4("api.pay.example"), ["127.37.65.5"]],
  "a service": [
    (at) => at.resolveSrv(`_http._tcp.${HOST}`),
    [{ name: HOST, port: 20_080, priority: 0, weight: 1, type: "SRV" }],
  ],
  "a name of others": [(at) => at.resolve4("www.example.com"), ["192.0.2.7"]],
  "a name that others do not know": [(at) => at.resolve4("no.example.com"), "ENOTFOUND"],
};

test("the same answers to the same queries", envoy, async (context) => {
  const listeners = [listener(await startElsewhere(context))];
  const theirs = await startStaticEnvoy(envoy.path!, { listeners });
  context.after(() => theirs.stop());
  const ours = await ProxyProcess.start(context, { static_resources: { listeners } });
  const { body } = await ours.admin("/listeners?format=json");
  const port = Number(/"port_value":\s*(\d+)/.exec(body)?.[1]);
  const [own, other] = [resolverAt(port), resolverAt(theirs.portOf("dns"))];
  for (const [name, [query, answer]] of Object.entries(QUERIES)) {
    assert.deepEqual(await answerOf(query, other), answer, `${name}: Envoy`);
    assert.deepEqual(await answerOf(query, own), answer, name);
  }
});

async function answerOf(query: Query, resolver: dns.Resolver): Promise<unknown> {
  try {
    return await query(resolver);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}
