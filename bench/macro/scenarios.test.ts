/** What the configurations say for what the table of scenarios asks. */
import assert from "node:assert/strict";
import test from "node:test";
import { type CaseContext, createCase } from "./cases.ts";
import { SCENARIOS } from "./names.ts";
import { SCENARIO_TABLE } from "./scenarios.ts";

function contextWithFiles(): { context: CaseContext; files: Map<string, string> } {
  const files = new Map<string, string>();
  let port = 20_000;
  const context: CaseContext = {
    folder: "folder",
    backendPorts: { http1: 1, http2: 2, grpc: 3 },
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
  createCase(context, "chain", "tulle");
  createCase(context, "chain-h1", "tulle");
  createCase(context, "chain", "haproxy");
  assert.match(files.get("chain-tulle-outbound.json") ?? "", /http2_protocol_options/);
  assert.doesNotMatch(files.get("chain-h1-tulle-outbound.json") ?? "", /http2_protocol_options/);
  assert.match(files.get("chain-tulle-outbound.json") ?? "", /"exact": "spiffe:.*\/b"/);
  assert.match(files.get("chain-tulle-inbound.json") ?? "", /"exact": "spiffe:.*\/a"/);
  assert.match(files.get("chain-haproxy-outbound.cfg") ?? "", /verify required .* alpn h2\n/);
  assert.match(files.get("chain-haproxy-inbound.cfg") ?? "", /verify required .* alpn h2,http/);
});

test("Envoy and our sidecar get the same configuration but for names and ports", () => {
  const { context, files } = contextWithFiles();
  for (const scenario of ["plain", "h2c", "chain", "grpc"] as const) {
    createCase(context, scenario, "tulle");
    createCase(context, scenario, "envoy");
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
    const { hops, proxies, request, backend } = SCENARIO_TABLE[scenario];
    for (const proxy of proxies) {
      const { context, files } = contextWithFiles();
      const { processes, port, upstreamPort } = createCase(context, scenario, proxy);
      assert.equal(processes.length, hops);
      assert.equal(processes.at(-1)?.port, port);
      assert.equal(files.size, hops);
      const backendPort = context.backendPorts[request === "grpc" ? "grpc" : backend];
      assert.equal(upstreamPort, hops === 1 ? backendPort : processes[0]?.port);
    }
  }
});
