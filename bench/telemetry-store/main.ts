/**
 * What the telemetry store costs: 200 services, 2,000 edges and 400 sidecars that push every 5 s, through the store's own
 * thread, and how long views take that the dashboard asks for. `npm run bench:telemetry [-- PUSHES]`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TelemetryEngine } from "../../src/control-plane/telemetry/store/telemetry-engine.ts";
import type { TrafficQuery } from "../../src/control-plane/telemetry/store/traffic-read.ts";
import { encodeLabels, OtlpMetricsMessage } from "../../src/telemetry/otlp/metrics-message.ts";
import { ProtoBuffer } from "../../src/telemetry/otlp/metrics-wire.ts";

const SERVICES = 200;
const EDGES = 2_000;
const INSTANCES_EACH = 2;
const PUSH_MS = 5_000;
const CODES = ["200", "503"];
const ROUNDS = Number(process.argv[2] ?? 60);
const START_MS = Date.UTC(2026, 10, 26, 8, 0, 0);
const BOUNDS = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000,
  1_800_000, 3_600_000,
];

const scratch = new ProtoBuffer();

interface Pusher {
  readonly teller: {
    readonly namespace: string;
    readonly service: string;
    readonly instance: string;
    readonly principal: string;
  };
  readonly message: OtlpMetricsMessage;
  readonly series: readonly {
    readonly counter: Uint8Array;
    readonly histogram: Uint8Array;
    readonly perPush: number;
  }[];
}

const nameOf = (index: number): string => `service-${index}`;

/** All of Istio's labels. */
function labels(reporter: "source" | "destination", edge: number, code: string) {
  const [source, destination] = [
    edge % SERVICES,
    (edge * 7 + 1 + Math.floor(edge / SERVICES)) % SERVICES,
  ];
  const end = (side: string, index: number) => ({
    [`${side}_workload`]: nameOf(index),
    [`${side}_canonical_service`]: nameOf(index),
    [`${side}_canonical_revision`]: "v1",
    [`${side}_workload_namespace`]: "default",
    [`${side}_principal`]: `spiffe://tulle.local/ns/default/sa/${nameOf(index)}`,
    [`${side}_app`]: nameOf(index),
    [`${side}_version`]: "v1",
    [`${side}_cluster`]: "Kubernetes",
  });
  return {
    source,
    destination,
    labels: {
      reporter,
      ...end("source", source),
      ...end("destination", destination),
      destination_service: `${nameOf(destination)}.default.svc.tulle.local`,
      destination_service_name: nameOf(destination),
      destination_service_namespace: "default",
      request_protocol: "http",
      response_code: code,
      response_flags: code === "200" ? "-" : "UC",
      connection_security_policy: reporter === "destination" ? "mutual_tls" : "unknown",
    },
  };
}

function makePushers(): readonly Pusher[] {
  const series = new Map<string, Pusher["series"][number][]>();
  for (let edge = 0; edge < EDGES; edge++) {
    for (const reporter of ["source", "destination"] as const) {
      for (const code of CODES) {
        const { source, destination, labels: all } = labels(reporter, edge, code);
        const owner = nameOf(reporter === "source" ? source : destination);
        for (let instance = 0; instance < INSTANCES_EACH; instance++) {
          const key = `${owner} ${instance}`;
          const list = series.get(key) ?? [];
          series.set(key, list);
          list.push({
            counter: encodeLabels(scratch, "counter", all),
            histogram: encodeLabels(scratch, "histogram", all),
            perPush: code === "200" ? 50 : 1,
          });
        }
      }
    }
  }
  return [...series].map(([key, list]) => {
    const [service = "", instance] = key.split(" ");
    const id = `${service}-${instance}`;
    const resource = {
      "service.name": service,
      "service.namespace": "default",
      "service.instance.id": id,
    };
    return {
      teller: { namespace: "default", service, instance: id, principal: "" },
      message: new OtlpMetricsMessage({ resource, scope: { name: "tulle", version: "bench" } }),
      series: list,
    };
  });
}

/** As a sidecar sends it: everything changed. */
function push({ message, series }: Pusher, round: number, nowMs: number): Uint8Array {
  message.begin(nowMs);
  const startMs = START_MS - 1_000;
  const points = (family: "counter" | "histogram") =>
    series.map(({ counter, histogram, perPush }) => {
      const count = perPush * round;
      if (family === "counter") return { attributes: counter, startMs, value: count };
      const counts = new Array<number>(BOUNDS.length + 1).fill(0);
      counts[2] = Math.floor(count * 0.6);
      counts[3] = Math.floor(count * 0.3);
      counts[4] = count - counts[2] - counts[3];
      const value = { bounds: BOUNDS, counts, sum: count * 6, count };
      return { attributes: histogram, startMs, value };
    });
  message.add({ name: "istio_requests_total", type: "counter" }, points("counter"));
  message.add(
    { name: "istio_request_duration_milliseconds", type: "histogram" },
    points("histogram"),
  );
  // What every sidecar tells beside: read over.
  message.add(
    { name: "tulle_upstream_endpoints", type: "gauge" },
    Array.from({ length: 100 }, (_, index) => ({
      attributes: encodeLabels(scratch, "gauge", { cluster: `outbound|80||${nameOf(index)}` }),
      startMs: nowMs,
      value: 2,
    })),
  );
  return message.finish();
}

const QUERIES: Readonly<Record<string, Omit<TrafficQuery, "fromMs" | "toMs">>> = {
  "/services, /overview": {
    by: ["reporter", "destinationNamespace", "destinationName", "flags"],
    where: {},
    hasSteps: true,
  },
  "/edges": {
    by: [
      ...(["reporter", "sourceNamespace", "sourceName", "destinationNamespace"] as const),
      ...(["destinationName", "protocol", "sourcePrincipal", "destinationPrincipal"] as const),
      "security",
    ],
    where: {},
    hasSteps: false,
  },
  "/series": {
    by: ["reporter"],
    where: { destinationNamespace: "default", destinationName: nameOf(3) },
    hasSteps: true,
  },
};

const folder = mkdtempSync(join(tmpdir(), "tulle-bench-"));
try {
  const engine = new TelemetryEngine(
    {
      path: join(folder, "telemetry.db"),
      retentionMs: 24 * 3_600_000,
      sizeBytesMax: 512 * 1024 * 1024,
    },
    START_MS,
  );
  const pushers = makePushers();
  let [ingestUs, flushUs, bytesSent] = [0, 0, 0];
  let nowMs = START_MS;
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [index, pusher] of pushers.entries()) {
      nowMs = START_MS + round * PUSH_MS + Math.floor((index * PUSH_MS) / pushers.length);
      const bytes = push(pusher, round, nowMs);
      bytesSent += bytes.length;
      const before = process.cpuUsage();
      engine.addMetrics(bytes, [pusher.teller], nowMs);
      const used = process.cpuUsage(before);
      ingestUs += used.user + used.system;
    }
    if (round % 2 !== 0) continue;
    const before = process.cpuUsage();
    engine.flush(nowMs);
    const used = process.cpuUsage(before);
    flushUs += used.user + used.system;
  }
  const seconds = (ROUNDS * PUSH_MS) / 1000;
  const share = (us: number): string => `${((us / 1e6 / seconds) * 100).toFixed(1)} % of a core`;
  const state = engine.flush(nowMs);
  console.log(
    `${SERVICES} services, ${EDGES} edges, ${pushers.length} sidecars, ${ROUNDS} pushes each (${seconds} s)`,
  );
  console.log(`series kept         ${state.series}`);
  console.log(`received            ${(bytesSent / seconds / 1e6).toFixed(1)} MB/s`);
  console.log(`reading pushes      ${share(ingestUs)}`);
  console.log(`writing down        ${share(flushUs)}`);
  console.log(`file                ${(state.sizeBytes / 1e6).toFixed(0)} MB`);
  console.log(`memory              ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
  for (const [name, query] of Object.entries(QUERIES)) {
    const times: number[] = [];
    for (let run = 0; run < 5; run++) {
      const before = performance.now();
      engine.ask("traffic", { ...query, fromMs: nowMs - 900_000, toMs: nowMs }, nowMs);
      times.push(performance.now() - before);
    }
    console.log(
      `${name.padEnd(20)}${Math.min(...times).toFixed(0)} ms (worst of 5: ${Math.max(...times).toFixed(0)} ms)`,
    );
  }
  engine.close(nowMs);
} finally {
  rmSync(folder, { recursive: true });
}
