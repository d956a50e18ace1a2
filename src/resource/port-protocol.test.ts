/** What a Service's port speaks, and who says so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { effectiveProtocol, OPAQUE_PORTS_DEFAULT, unknownAppProtocol } from "./port-protocol.ts";

function protocol(fields: object): string {
  return effectiveProtocol({ port: 80, ...fields }, OPAQUE_PORTS_DEFAULT).protocol;
}

function origin(fields: object): string {
  return effectiveProtocol({ port: 80, ...fields }, OPAQUE_PORTS_DEFAULT).origin;
}

test("the standard application protocols of Kubernetes (KEP-3726) and common words", () => {
  const cases = {
    "kubernetes.io/h2c": "http2",
    "kubernetes.io/ws": "http",
    "kubernetes.io/wss": "tls",
    http: "http",
    HTTP: "http",
    "http/1.1": "http",
    http2: "http2",
    grpc: "grpc",
    "grpc-web": "grpc",
    https: "tls",
    tls: "tls",
    tcp: "tcp",
    mysql: "tcp",
    redis: "tcp",
    mongo: "tcp",
    postgres: "tcp",
    postgresql: "tcp",
  };
  for (const [appProtocol, expected] of Object.entries(cases)) {
    assert.equal(protocol({ appProtocol }), expected, appProtocol);
  }
});

test("a name declares by its prefix, as in Istio", () => {
  const cases = {
    http: "http",
    "http-api": "http",
    "http2-api": "http2",
    grpc: "grpc",
    "grpc-web": "grpc",
    "grpc-web-x": "grpc",
    "grpc-webhook": "grpc",
    https: "tls",
    "tls-x": "tls",
    "mysql-primary": "tcp",
    web: "undeclared",
    "my-http": "undeclared",
    constructor: "undeclared",
  };
  for (const [name, expected] of Object.entries(cases)) {
    assert.equal(protocol({ name }), expected, name);
  }
});

test("appProtocol wins over the name, and both over the list of opaque ports", () => {
  assert.equal(protocol({ name: "http", appProtocol: "tcp" }), "tcp");
  assert.equal(origin({ name: "http", appProtocol: "tcp" }), "appProtocol tcp");
  assert.equal(protocol({ name: "http", port: 6379 }), "http");
  assert.equal(origin({ name: "http", port: 6379 }), "the port's name http");
});

test("opaque ports count by the Service's number and by the instances'", () => {
  assert.equal(protocol({ port: 3306 }), "tcp");
  assert.equal(protocol({ targetPort: 5432 }), "tcp");
  assert.equal(origin({ targetPort: 5432 }), "5432 is one of MeshConfig's opaque ports");
  assert.equal(effectiveProtocol({ port: 3306 }, []).protocol, "undeclared");
});

test("an appProtocol that is not known is detected, whatever the name says", () => {
  const fields = { name: "http", appProtocol: "example.org/own" };
  assert.equal(protocol(fields), "undeclared");
  assert.match(origin(fields), /appProtocol example\.org\/own is not known/);
  assert.deepEqual(unknownAppProtocol("grcp"), { nearest: "grpc" });
  assert.deepEqual(unknownAppProtocol("example.org/own"), { nearest: undefined });
  assert.equal(unknownAppProtocol("HTTP2"), null);
});
