/** Names that several objects claim, and what becomes of names when the mesh says otherwise. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { snapshotOf, TEST_SCOPE } from "../../test/support/mesh-fixture.ts";
import type { Listener } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { DnsFilterConfigSchema } from "../gen/envoy/extensions/filters/udp/dns_filter/v3/dns_filter_pb.js";
import type { MeshSnapshot, ProxyScope } from "./mesh-snapshot.ts";
import { translateProxy } from "./translate.ts";

const SERVICES = `
apiVersion: v1
kind: Service
metadata: {name: catalog}
spec: {selector: {app: catalog}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: bank}
spec: {selector: {app: catalog}, ports: [{name: http, port: 80}]}
`;

function external(name: string, namespace: string, host: string): string {
  return `---
apiVersion: mesh.tulle.dev/v1
kind: ExternalService
metadata: {name: ${name}, namespace: ${namespace}}
spec: {hosts: [${host}], ports: [{name: http, port: 8080}], endpoints: [{address: 192.0.2.1}]}
`;
}

/** Names with their last byte, or undefined without a listener. */
function namesOf(snapshot: MeshSnapshot, scope: Partial<ProxyScope> = {}) {
  const { resources } = translateProxy(snapshot, { ...TEST_SCOPE, ...scope });
  const listener = resources.find(({ name }) => name.startsWith("dns|"))?.message as
    | Listener
    | undefined;
  const filter = listener?.listenerFilters[0]?.configType;
  if (filter?.case !== "typedConfig") return undefined;
  const source = anyUnpack(filter.value, DnsFilterConfigSchema)?.serverConfig?.configSource;
  assert.equal(source?.case, "inlineDnsTable");
  return new Map(
    source.value.virtualDomains.flatMap(({ name, endpoint }) =>
      endpoint?.endpointConfig.case === "addressList"
        ? [[name, endpoint.endpointConfig.value.address.join(" ")] as const]
        : [],
    ),
  );
}

test("a short name is the one of the caller's namespace", () => {
  const snapshot = snapshotOf(SERVICES, "services");
  const near = namesOf(snapshot);
  assert.equal(near?.get("catalog"), "127.37.65.0");
  assert.equal(near.get("catalog.bank"), "127.37.65.1");
  const bank = namesOf(snapshot, { namespace: "bank" });
  assert.equal(bank?.get("catalog"), "127.37.65.1");
  assert.equal(bank.get("catalog.default.svc.tulle.local"), "127.37.65.0");
  assert.equal(namesOf(snapshot, { namespace: "other" })?.has("catalog"), false);
});

test("no host outside the mesh takes a name of the mesh; of two the caller's own holds", () => {
  const text = [
    SERVICES,
    external("a", "bank", "catalog.default.svc.tulle.local"),
    external("b", "bank", "api.example"),
    external("c", "default", "api.example"),
  ].join("");
  const snapshot = snapshotOf(text, "hosts");
  const names = namesOf(snapshot);
  assert.equal(names?.get("catalog.default.svc.tulle.local"), "127.37.65.0");
  assert.equal(names.get("api.example"), "127.37.65.4");
  assert.equal(namesOf(snapshot, { namespace: "bank" })?.get("api.example"), "127.37.65.3");
});

test("a headless service without instances, and with more than have names", () => {
  const text = SERVICES.replace("spec: {", "spec: {clusterIP: None, ");
  const workload = `---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: catalog-0, labels: {app: catalog}}
spec: {address: 127.1.0.1, ports: [{port: 80, inboundPort: 15006}]}
`;
  assert.equal(namesOf(snapshotOf(text, "empty"))?.get("catalog"), "127.37.65.0");
  const snapshot = snapshotOf(text + workload, "one");
  assert.equal(namesOf(snapshot)?.get("catalog"), "127.37.68.232");
  const services = snapshot.services.map(({ instances: _, ...service }) => service);
  const { findings } = translateProxy({ ...snapshot, services }, TEST_SCOPE);
  assert.deepEqual(
    findings.map(({ code, severity, path }) => [code, severity, path]),
    [["instance-unnamed", "warning", "spec.clusterIP"]],
  );
});

test("a mesh whose sidecars answer no name queries", () => {
  const off = `---
apiVersion: mesh.tulle.dev/v1
kind: MeshConfig
metadata: {name: default}
spec: {dns: {enabled: false}}
`;
  assert.equal(namesOf(snapshotOf(SERVICES + off, "off")), undefined);
});
