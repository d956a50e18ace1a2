/** The rules of TelemetryExporter: one target, signals that it takes, nothing that would be passed over, no secret shown. */
import assert from "node:assert/strict";
import test from "node:test";
import { violationsIn } from "../../../test/support/violations.ts";

const problems = (spec: object) =>
  violationsIn({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "TelemetryExporter",
    metadata: { name: "out" },
    spec,
  } as never);

const otlp = { endpoint: "https://collector.example:4318" };

test("there is exactly one target", () => {
  assert.deepEqual(problems({ otlp }), []);
  assert.deepEqual(problems({}), ["spec missing-field"]);
  assert.deepEqual(problems({ otlp, zipkin: { endpoint: "http://127.0.0.1/x" } }), [
    "spec.zipkin invalid-combination",
  ]);
});

test("signals are those that the target takes", () => {
  assert.deepEqual(problems({ otlp, signals: ["Traces", "Metrics", "Audit"] }), []);
  assert.deepEqual(
    problems({ loki: { endpoint: "http://127.0.0.1:3100/x" }, signals: ["Logs", "Traces"] }),
    ["spec.signals[1] invalid-value"],
  );
});

test("what would have no effect is refused", () => {
  const tls = { caFile: "/etc/ca.pem" };
  assert.deepEqual(problems({ otlp, tls }), []);
  assert.deepEqual(problems({ otlp: { endpoint: "http://127.0.0.1:4318" }, tls }), [
    "spec.tls invalid-combination",
  ]);
  assert.deepEqual(problems({ syslog: { host: "log.example" }, tls }), [
    "spec.tls invalid-combination",
  ]);
  assert.deepEqual(
    problems({ file: { path: "/var/log/a" }, authentication: { bearerTokenFile: "/x" } }),
    ["spec.authentication invalid-combination"],
  );
});

test("a place is an address or a socket", () => {
  assert.deepEqual(problems({ forward: {} }), ["spec.forward missing-field"]);
  assert.deepEqual(problems({ syslog: { transport: "Unix", path: "/dev/log" } }), []);
  assert.deepEqual(problems({ syslog: { transport: "Unix", host: "a" } }), [
    "spec.syslog missing-field",
  ]);
  assert.deepEqual(problems({ otlp: { endpoint: "http://user:word@collector.example" } }), [
    "spec.otlp.endpoint invalid-value",
  ]);
});

test("secrets are in files", () => {
  const headers = (...list: readonly object[]) =>
    problems({ otlp, authentication: { headers: list } });
  assert.deepEqual(
    headers({ name: "x-scope", value: "shop" }, { name: "x-api-key", valueFile: "/k" }),
    [],
  );
  assert.deepEqual(headers({ name: "Authorization", value: "Bearer abc" }), [
    "spec.authentication.headers[0].value invalid-combination",
  ]);
  assert.deepEqual(headers({ name: "x-api-key", value: "abc" }), [
    "spec.authentication.headers[0].value invalid-combination",
  ]);
  assert.deepEqual(headers({ name: "x-scope" }), [
    "spec.authentication.headers[0] invalid-combination",
  ]);
});

test("a certificate has its key", () => {
  assert.deepEqual(problems({ otlp, tls: { certificateFile: "/c.pem" } }), [
    "spec.tls.certificateFile invalid-combination",
  ]);
});
