/** What a gateway's listeners make of requests, by host and path: translated, and matched as the proxy matches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { snapshotOf, TEST_SCOPE } from "../../../test/support/mesh-fixture.ts";
import type { Cluster } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import type { RouteConfiguration } from "../../gen/envoy/config/route/v3/route_pb.js";
import { HttpProtocolOptionsSchema } from "../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import type { ProxyScope } from "../mesh-snapshot.ts";
import { translateProxy, translateScoped } from "../translate.ts";

const SCOPE: ProxyScope = { ...TEST_SCOPE, role: "gateway", gateway: "shop", ports: [] };

const SERVICES = ["a", "b", "c"]
  .map(
    (name) => `
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80}]}`,
  )
  .join("");

const gateway = (listeners: string): string => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop}
spec: {listeners: [${listeners}]}`;

const route = (name: string, spec: string): string => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec: {parentRefs: [{name: shop}], ${spec}}`;

const to = (service: string, prefix = "/"): string =>
  `{matches: [{path: {value: ${prefix}}}], backendRefs: [{name: ${service}, port: 80}]}`;

function configurations(text: string): readonly RouteConfiguration[] {
  const { routes } = translateScoped(snapshotOf(SERVICES + text, "test"), SCOPE);
  return routes.map(({ message }) => message as RouteConfiguration);
}

/** `host: prefix→service …`, in the order in which they are tried. */
function shown(configuration: RouteConfiguration | undefined): readonly string[] {
  return (configuration?.virtualHosts ?? []).map(({ domains, routes }) => {
    const parts = routes.map(({ match, action }) => {
      const { case: kind, value } = match?.pathSpecifier ?? {};
      const path = kind === "prefix" || kind === "pathSeparatedPrefix" ? value : kind;
      const cluster = action.case === "route" ? action.value.clusterSpecifier.value : action.case;
      return `${path}→${/\|\|(\w+)\./.exec(String(cluster))?.[1] ?? cluster}`;
    });
    return [`${domains.join(" ")}:`, ...new Set(parts)].join(" ");
  });
}

test("rules of the closest host come first, then those of wider ones", () => {
  const [only] = configurations(
    gateway("{name: http, port: 80, protocol: HTTP}") +
      route("any", `rules: [${to("a")}]`) +
      route("wild", `hostnames: ["*.example"], rules: [${to("b", "/deep/down")}]`) +
      route("one", `hostnames: [x.example], rules: [${to("c", "/deep")}]`),
  );
  assert.deepEqual(shown(only), [
    "*: /→a",
    "*.example: /deep/down→b /→a",
    "x.example: /deep→c /deep/down→b /→a",
  ]);
});

test("a host is the listener's that names it most closely: others' routes never get it", () => {
  const [only] = configurations(
    gateway(
      "{name: any, port: 80, protocol: HTTP}, {name: one, port: 80, protocol: HTTP, hostname: x.example}",
    ) +
      `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: any}
spec: {parentRefs: [{name: shop, sectionName: any}], hostnames: [x.example, y.example], rules: [${to("a")}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: one}
spec: {parentRefs: [{name: shop, sectionName: one}], rules: [${to("b", "/b")}]}`,
  );
  assert.deepEqual(shown(only), ["*:", "x.example: /b→b", "y.example: /→a"]);
});

test("each listener with TLS has a chain and routes of its own; the one for every host comes last", () => {
  const tls = "tls: {options: {mesh.tulle.dev/certificate-file: /c, mesh.tulle.dev/key-file: /k}}";
  const text =
    gateway(
      `{name: any, port: 443, protocol: HTTPS, ${tls}}, {name: one, port: 443, protocol: HTTPS, hostname: x.example, ${tls}}`,
    ) + route("all", `rules: [${to("a")}]`);
  const { listeners, routes } = translateScoped(snapshotOf(SERVICES + text, "test"), SCOPE);
  const [listener] = listeners.map(({ message }) => message as Listener);
  assert.deepEqual(
    listener?.filterChains.map(({ filterChainMatch }) => filterChainMatch?.serverNames),
    [["x.example"]],
  );
  assert.equal(listener?.defaultFilterChain?.name, "any");
  assert.deepEqual(routes.map(({ name }) => name).toSorted(), [
    "gateway|443|any|default/shop",
    "gateway|443|one|default/shop",
  ]);
});

test("a login at a gateway says at which listeners nobody is asked for it", () => {
  const policy = `
---
apiVersion: mesh.tulle.dev/v1
kind: SecurityPolicy
metadata: {name: staff}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: shop}]
  oidc:
    provider: {issuer: "https://a.example", authorizationEndpoint: "https://a.example/a", tokenEndpoint: "https://a.example/t"}
    clientID: shop
    clientSecretFile: /etc/secret`;
  const text = gateway(
    "{name: http, port: 80, protocol: HTTP}, {name: db, port: 81, protocol: TCP}",
  );
  const { findings } = translateProxy(snapshotOf(SERVICES + text + policy, "test"), SCOPE);
  const said = findings.map(({ code, message }) => `${code}: ${message}`);
  assert.ok(
    said.some((line) => /^field-ignored: .* carry no HTTP: db$/.test(line)),
    said.join(),
  );
});

test("apps without a sidecar are spoken to in HTTP/1.1, whatever a browser speaks", () => {
  const workload = `
---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: a-1, labels: {app: a}}
spec: {serviceAccount: a, address: 127.0.0.9, ports: [{name: http, port: 80}]}`;
  const { clusters } = translateScoped(snapshotOf(SERVICES + workload, "test"), SCOPE);
  const [cluster] = clusters.map(({ message }) => message as Cluster);
  const packed = cluster?.typedExtensionProtocolOptions[HttpProtocolOptionsSchema.typeName];
  assert.ok(packed);
  const options = anyUnpack(packed, HttpProtocolOptionsSchema);
  assert.equal(options?.upstreamProtocolOptions.case, "explicitHttpConfig");
  assert.equal(
    translateScoped(snapshotOf(SERVICES + workload, "test"), TEST_SCOPE).clusters.some(
      ({ name }) => name === cluster?.name,
    ),
    false,
  );
});

test("a gateway has its own resources beside the clusters of the mesh; sidecars have none of them", () => {
  const snapshot = snapshotOf(
    SERVICES +
      gateway("{name: http, port: 80, protocol: HTTP}") +
      route("any", `rules: [${to("a")}]`),
    "test",
  );
  const names = (scope: ProxyScope) =>
    translateProxy(snapshot, scope).resources.map(({ name }) => name);
  assert.ok(names(SCOPE).includes("gateway|80|default/shop"));
  assert.ok(names(SCOPE).includes("outbound|80||a.default.svc.tulle.local"));
  assert.ok(!names(SCOPE).some((name) => name.startsWith("inbound|")));
  assert.ok(!names(TEST_SCOPE).some((name) => name.startsWith("gateway|")));
  assert.deepEqual(translateScoped(snapshot, { ...SCOPE, gateway: "else" }).listeners, []);
});
