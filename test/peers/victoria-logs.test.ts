/** Access logs in a real VictoriaLogs: by Loki's push, by `_bulk` and by OTLP, each found by its search. */
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { ExportingMesh, eventually } from "../support/exporting-mesh.ts";
import { freePort } from "../support/free-port.ts";
import { accessLogs } from "../support/telemetry-records.ts";
import { goPeer, VICTORIA_LOGS } from "./go-peer.ts";
import { temporaryFolder } from "./peer-process.ts";
import { RestartablePeer } from "./restartable-peer.ts";

const { folder, skip } = await goPeer(VICTORIA_LOGS);
const COUNT = 500;

test("access logs in VictoriaLogs, also after an outage", { skip }, async (t) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const peer = await RestartablePeer.start(t, {
    program: join(folder, "victoria-logs"),
    args: [
      `-httpListenAddr=127.0.0.1:${port}`,
      `-storageDataPath=${join(temporaryFolder(t), "data")}`,
      "-inmemoryDataFlushInterval=1s",
    ],
    readyUrl: `${url}/health`,
  });
  const find = async (query: string): Promise<readonly Readonly<Record<string, string>>[]> => {
    const body = new URLSearchParams({ query, limit: "5000" });
    const answer = await fetch(`${url}/select/logsql/query`, { method: "POST", body });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  };
  const found = (query: string, count: number) =>
    eventually(async () => {
      const records = await find(query);
      return records.length >= count ? records : undefined;
    });
  const mesh = await ExportingMesh.start(t);
  const delivery = { batch: { delay: "50ms" }, retry: { initialDelay: "100ms", maxDelay: "1s" } };
  await mesh.export("loki", {
    loki: { endpoint: `${url}/insert/loki/api/v1/push`, labels: { job: "by-loki" } },
    ...delivery,
  });
  await mesh.export("bulk", {
    elasticsearch: { endpoint: `${url}/insert/elasticsearch` },
    authentication: {
      headers: [
        { name: "VL-Time-Field", value: "@timestamp" },
        { name: "VL-Msg-Field", value: "message" },
        { name: "VL-Stream-Fields", value: "service.name" },
      ],
    },
    ...delivery,
  });
  await mesh.export("otlp", {
    otlp: { endpoint: `${url}/insert/opentelemetry` },
    signals: ["Logs"],
    ...delivery,
  });
  await mesh.sendLogs(accessLogs(0, COUNT));
  const pushed = await found('{job="by-loki",level="error"} response_flags:UH', COUNT / 10);
  assert.equal(pushed.length, COUNT / 10);
  assert.equal(pushed[0]?.["service_name"], "checkout");
  const byBulk = await found(
    "envoyproxy.response_flags:UH http.response.status_code:503",
    COUNT / 10,
  );
  assert.equal(byBulk.length, COUNT / 10);
  const byOtlp = await found('"http.response.status_code":503 severity_text:ERROR', COUNT / 10);
  assert.equal(byOtlp.length, COUNT / 10);
  // It acknowledges what is in its memory only: a kill would lose the last second of it.
  await peer.stop();
  await mesh.sendLogs(accessLogs(COUNT, COUNT));
  await eventually(async () => ((await mesh.findings()).length >= 3 ? true : undefined));
  await peer.restart();
  const sent = accessLogs(0, 2 * COUNT).map(({ attributes }) => attributes["url.path"]);
  const streams = [
    ['{job="by-loki"}', "path"],
    ['{service.name="checkout"} ecs.version:*', "url.original"],
    ['{service.name="checkout"} "mesh.protocol":*', '"url.path"'],
  ] as const;
  for (const [stream, field] of streams) {
    const query = `${stream} | fields ${field}`;
    const after = await found(query, 2 * COUNT);
    const paths = after.map((record) => record[field.replaceAll('"', "")]);
    assert.deepEqual(paths.toSorted(), sent.toSorted(), stream);
  }
  assert.equal(await mesh.metric("tulle_export_dropped_records_total", {}), 0);
});
