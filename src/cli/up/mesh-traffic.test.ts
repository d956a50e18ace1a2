import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRequestSeries, summarizeTraffic } from "./mesh-traffic.ts";

const line = (labels: Record<string, string>, count: number): string =>
  `istio_requests_total{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}} ${count}`;

test("reads series with escapes and timestamps, and skips everything else", () => {
  const text = [
    "# TYPE istio_requests_total counter",
    'istio_requests_total{reporter="source",path="a\\"b\\\\c}\\n"} 3 1700000000',
    "istio_requests_total_other{} 4",
    "istio_tcp_sent_bytes_total{} 4",
    "istio_requests_total{broken",
    "",
  ].join("\n");
  const [series, ...others] = parseRequestSeries(text);
  assert.deepEqual(others, []);
  assert.equal(series?.count, 3);
  assert.deepEqual(
    [...(series?.labels ?? [])],
    [
      ["reporter", "source"],
      ["path", 'a"b\\c}\n'],
    ],
  );
});

test("counts requests at their destination, failures at their source, and versions", () => {
  const catalog = { reporter: "destination", destination_canonical_service: "catalog" };
  const tls = { connection_security_policy: "mutual_tls" };
  const source = {
    reporter: "source",
    source_canonical_service: "cart",
    destination_service_name: "catalog",
  };
  const text = [
    line({ ...catalog, ...tls, destination_version: "v1", response_code: "200" }, 80),
    line({ ...catalog, ...tls, destination_version: "v1", response_code: "404" }, 4),
    line({ ...catalog, ...tls, destination_version: "v2", response_code: "500" }, 15),
    line({ ...catalog, connection_security_policy: "none", destination_version: "v2" }, 1),
    line({ ...source, response_code: "200", response_flags: "-" }, 84),
    line({ ...source, response_code: "500", response_flags: "-" }, 15),
    line({ ...source, response_code: "0", response_flags: "DC" }, 2),
    line({ ...source, response_code: "503", response_flags: "UH" }, 20),
  ].join("\n");
  const summary = summarizeTraffic(parseRequestSeries(text));
  assert.equal(summary.requests, 100);
  assert.equal(summary.mutualTls, 99);
  assert.equal(summary.failures, 37);
  assert.deepEqual(summary.failureKinds, [
    "cart → catalog: 503 UH, 20 times",
    "cart → catalog: 500 -, 15 times",
    "cart → catalog: 0 DC, 2 times",
  ]);
  assert.deepEqual(
    [...(summary.versions.get("catalog") ?? [])],
    [
      ["v1", 84],
      ["v2", 16],
    ],
  );
});

test("nothing measured is nothing, not everything", () => {
  const summary = summarizeTraffic([]);
  assert.equal(summary.requests, 0);
  assert.equal(summary.mutualTls, 0);
});
