/** Access logs in a real Loki: found by labels and by structured metadata, in order, also after an outage. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { ExportingMesh, eventually } from "../support/exporting-mesh.ts";
import { freePort } from "../support/free-port.ts";
import { accessLogs } from "../support/telemetry-records.ts";
import { goPeer, LOKI } from "./go-peer.ts";
import { temporaryFolder } from "./peer-process.ts";
import { RestartablePeer } from "./restartable-peer.ts";

const { folder, skip } = await goPeer(LOKI);
const COUNT = 500;

interface Streams {
  readonly data: {
    readonly result: readonly {
      readonly values: readonly (readonly [time: string, line: string])[];
    }[];
  };
}

function configOf(data: string, http: number, grpc: number): string {
  return `auth_enabled: false
server: {http_listen_address: 127.0.0.1, http_listen_port: ${http}, grpc_listen_address: 127.0.0.1, grpc_listen_port: ${grpc}, log_level: error}
common:
  path_prefix: ${data}
  replication_factor: 1
  instance_addr: 127.0.0.1
  ring: {instance_addr: 127.0.0.1, kvstore: {store: inmemory}}
  storage: {filesystem: {chunks_directory: ${data}/chunks, rules_directory: ${data}/rules}}
schema_config:
  configs:
    - {from: "2024-01-01", store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}
limits_config: {allow_structured_metadata: true}
analytics: {reporting_enabled: false}
`;
}

test("access logs in Loki", { skip }, async (t) => {
  const [port, data] = [await freePort(), temporaryFolder(t)];
  const config = join(data, "loki.yaml");
  writeFileSync(config, configOf(data, port, await freePort()));
  const url = `http://127.0.0.1:${port}`;
  const peer = await RestartablePeer.start(t, {
    program: join(folder, "loki"),
    args: [`-config.file=${config}`],
    readyUrl: `${url}/ready`,
  });
  const find = async (query: string): Promise<readonly string[]> => {
    const start = String(BigInt(Date.now() - 3_600_000) * 1_000_000n);
    const search = new URLSearchParams({ query, start, limit: "5000", direction: "forward" });
    const answer = await fetch(`${url}/loki/api/v1/query_range?${search}`);
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    const { data: found } = JSON.parse(text) as Streams;
    return found.result
      .flatMap(({ values }) => values)
      .sort(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1))
      .map(([, line]) => JSON.parse(line).path);
  };
  const found = (query: string, count: number) =>
    eventually(async () => {
      const paths = await find(query);
      return paths.length >= count ? paths : undefined;
    });
  const sent = (from: number, count: number) =>
    accessLogs(from, count).map(({ attributes }) => attributes["url.path"]);
  const mesh = await ExportingMesh.start(t);
  await mesh.export("loki", {
    loki: { endpoint: `${url}/loki/api/v1/push` },
    batch: { delay: "50ms" },
    retry: { initialDelay: "100ms", maxDelay: "1s" },
  });
  const nowMs = Date.now();
  await mesh.sendLogs(accessLogs(0, COUNT, nowMs));
  const all = '{job="tulle",service_name="checkout"}';
  assert.deepEqual(await found(all, COUNT), sent(0, COUNT));
  const failed = await found(`${all} | response_flags="UH" | response_code="503"`, COUNT / 10);
  assert.deepEqual(
    failed,
    sent(0, COUNT).filter((_, index) => index % 10 === 9),
  );
  await peer.kill();
  await mesh.sendLogs(accessLogs(COUNT, COUNT, nowMs));
  await eventually(async () => ((await mesh.findings()).length > 0 ? true : undefined));
  await peer.restart();
  assert.deepEqual(await found(all, 2 * COUNT), sent(0, 2 * COUNT));
  assert.equal(await mesh.metric("tulle_export_dropped_records_total", {}), 0);
});
