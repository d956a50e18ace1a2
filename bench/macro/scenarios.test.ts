/** What the configurations say for what the table of scenarios asks. */
import assert from "node:assert/strict";
import test from "node:test";
import { type CaseContext, createCases } from "./cases.ts";
import { SCENARIOS } from "./names.ts";
import { SCENARIO_TABLE } from "./scenarios.ts";

function contextWithFiles(): { context: CaseContext; files: Map<string, string> } {
  const files = new Map<string, string>();
  let port = 20_000;
  const context: CaseContext = {
    folder: "folder",
    backendPorts: { http1: 1, http2: 2, grpc: 3, spread: 4 },
    tools: { nginx: "nginx", haproxy: "haproxy", envoy: "envoy" },
    tulle: ["tulle", "sidecar", "--bootstrap"],
    nextPort: () => port++,
    write(name, content) {
      files.set(name, content);
      return name;
    },
  };
  return { context, files };
}

test("a chain speaks HTTP/2 inside, chain-h1 does not, and both admit one peer only", () => {
  const { context, files } = contextWithFiles();
  createCases(context, "chain", "tulle");
  createCases(context, "chain-h1", "tulle");
  createCases(context, "chain", "haproxy");
  assert.match(files.get("chain-tulle-outbound.json") ?? "", /http2_protocol_options/);
  assert.doesNotMatch(files.get("chain-h1-tulle-outbound.json") ?? "", /http2_protocol_options/);
  assert.match(files.get("chain-tulle-outbound.json") ?? "", /"exact": "spiffe:.*\/b"/);
  assert.match(files.get("chain-tulle-inbound.json") ?? "", /"exact": "spiffe:.*\/a"/);
  assert.match(files.get("chain-haproxy-outbound.cfg") ?? "", /verify required .* alpn h2\n/);
  assert.match(files.get("chain-haproxy-inbound.cfg") ?? "", /verify required .* alpn h2,http/);
});

test("variants differ in what they are named for", () => {
  const { context, files } = contextWithFiles();
  createCases(context, "policies", "tulle");
  createCases(context, "endpoints-ewma", "envoy");
  const on = files.get("policies-tulle-plain-on.json") ?? "";
  for (const part of ["retry_policy", "outlier_detection", "retry_budget", "local_ratelimit"]) {
    assert.match(on, new RegExp(part));
    assert.doesNotMatch(files.get("policies-tulle-plain-off.json") ?? "", new RegExp(part));
  }
  assert.equal(on.match(/"match"/g)?.length, 10);
  const many = files.get("endpoints-ewma-envoy-plain-1000.json") ?? "";
  assert.equal(many.match(/"endpoint"/g)?.length, 1_000);
  assert.match(many, /peak_ewma.*least_request/s);
  const clusters = files.get("endpoints-ewma-envoy-plain-100x10.json") ?? "";
  assert.equal(new Set(clusters.match(/"cluster": "upstream-\d+"/g)).size, 100);
});

test("Envoy and our sidecar get the same configuration but for names and ports", () => {
  const { context, files } = contextWithFiles();
  for (const scenario of ["plain", "h2c", "chain", "grpc", "policies", "endpoints-ewma"] as const) {
    createCases(context, scenario, "tulle");
    createCases(context, scenario, "envoy");
    const neutral = (proxy: string): string[] =>
      [...files]
        .filter(([name]) => name.includes(`-${proxy}-`))
        .map(([, text]) => text.replaceAll(`-${proxy}-`, "-").replace(/\b2\d{4}\b/g, "port"));
    assert.deepEqual(neutral("tulle"), neutral("envoy"));
    files.clear();
  }
});

test("every scenario can be set up with each of its proxies", () => {
  for (const scenario of SCENARIOS) {
    const { hops, proxies, request, backend, variants } = SCENARIO_TABLE[scenario];
    for (const proxy of proxies) {
      const { context, files } = contextWithFiles();
      const cases = createCases(context, scenario, proxy);
      assert.deepEqual(
        cases.map(({ variant }) => variant),
        variants,
      );
      assert.equal(files.size, hops * variants.length);
      for (const { processes, port, upstreamPort, variant } of cases) {
        assert.equal(processes.length, hops);
        assert.equal(processes.at(-1)?.port, port);
        const { backendPorts } = context;
        const onePort = backendPorts[request === "grpc" ? "grpc" : backend];
        const backendPort = variant.endpoints === 1 ? onePort : backendPorts.spread;
        assert.equal(upstreamPort, hops === 1 ? backendPort : processes[0]?.port);
      }
    }
  }
});
