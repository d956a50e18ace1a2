/**
 * What the telemetry store costs: 200 services, 2,000 edges and 400 sidecars that push every 5 s, through the store's own
 * thread, and how long views take that the dashboard asks for. `npm run bench:telemetry [-- PUSHES]`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { TelemetryEngine } from "../../src/control-plane/telemetry/store/telemetry-engine.ts";
import type { TrafficQuery } from "../../src/control-plane/telemetry/store/traffic-read.ts";

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

interface Pusher {
  readonly teller: {
    readonly namespace: string;
    readonly service: string;
    readonly instance: string;
    readonly principal: string;
  };
  readonly resource: Readonly<Record<string, string>>;
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
            counter: encodeLabels(7, all),
            histogram: encodeLabels(9, all),
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
      resource,
      series: list,
    };
  });
}

/** KeyValue messages with texts as values, with their tags. */
function encodeLabels(field: number, labels: Readonly<Record<string, string>>): Uint8Array {
  const out = new BinaryWriter();
  for (const [key, value] of Object.entries(labels)) {
    out.tag(field, WireType.LengthDelimited).fork();
    out.tag(1, WireType.LengthDelimited).string(key);
    out.tag(2, WireType.LengthDelimited).fork();
    out.tag(1, WireType.LengthDelimited).string(value).join().join();
  }
  return out.finish();
}

function writeTimes(out: BinaryWriter, nowMs: number): void {
  out.tag(2, WireType.Bit64).fixed64(BigInt(START_MS - 1_000) * 1_000_000n);
  out.tag(3, WireType.Bit64).fixed64(BigInt(nowMs) * 1_000_000n);
}

/** Of a metric: name, then what holds its points. */
function writeMetric(out: BinaryWriter, name: string, field: number, points: () => void): void {
  out.tag(2, WireType.LengthDelimited).fork();
  out.tag(1, WireType.LengthDelimited).string(name);
  out.tag(field, WireType.LengthDelimited).fork();
  points();
  // Cumulative.
  out.tag(2, WireType.Varint).int32(2).join().join();
}

/** As a sidecar sends it: everything changed, and gauges beside, which are read over. */
function push({ resource, series }: Pusher, round: number, nowMs: number): Uint8Array {
  const out = new BinaryWriter();
  out.tag(1, WireType.LengthDelimited).fork();
  out.tag(1, WireType.LengthDelimited).fork().raw(encodeLabels(1, resource)).join();
  out.tag(2, WireType.LengthDelimited).fork();
  writeMetric(out, "istio_requests_total", 7, () => {
    for (const { counter, perPush } of series) {
      out.tag(1, WireType.LengthDelimited).fork().raw(counter);
      writeTimes(out, nowMs);
      out
        .tag(4, WireType.Bit64)
        .double(perPush * round)
        .join();
    }
  });
  writeMetric(out, "istio_request_duration_milliseconds", 9, () => {
    for (const { histogram, perPush } of series) {
      const count = perPush * round;
      const counts = new Array<number>(BOUNDS.length + 1).fill(0);
      counts[2] = Math.floor(count * 0.6);
      counts[3] = Math.floor(count * 0.3);
      counts[4] = count - counts[2] - counts[3];
      out.tag(1, WireType.LengthDelimited).fork().raw(histogram);
      writeTimes(out, nowMs);
      out.tag(4, WireType.Bit64).fixed64(count);
      out.tag(5, WireType.Bit64).double(count * 6);
      out.tag(6, WireType.LengthDelimited).fork();
      for (const one of counts) out.fixed64(one);
      out.join().tag(7, WireType.LengthDelimited).fork();
      for (const bound of BOUNDS) out.double(bound);
      out.join().join();
    }
  });
  writeMetric(out, "tulle_upstream_endpoints", 5, () => {
    for (let index = 0; index < 100; index++) {
      out.tag(1, WireType.LengthDelimited).fork().raw(GAUGE_LABELS);
      writeTimes(out, nowMs);
      out.tag(4, WireType.Bit64).double(2).join();
    }
  });
  return out.join().join().finish();
}

const GAUGE_LABELS = encodeLabels(7, { cluster: "outbound|80||service-1.default.svc.tulle.local" });

const QUERIES: Readonly<Record<string, Omit<TrafficQuery, "fromMs" | "toMs">>> = {
  "/services, /overview": {
    by: ["reporter", "destinationNamespace", "destinationName", "flags"],
    where: {},
    hasSteps: true,
  },
  "/overview: mutual TLS": {
    by: ["security"],
    where: { reporter: "destination" },
    hasSteps: false,
  },
  "/overview: causes": {
    by: ["sourceNamespace", "sourceName", "destinationNamespace", "destinationName"],
    where: { reporter: "source" },
    hasSteps: false,
    isErrorsOnly: true,
  },
  "/errors": {
    by: [
      ...(["reporter", "destinationNamespace", "destinationName", "sourceNamespace"] as const),
      ...(["sourceName", "code", "grpcStatus", "flags"] as const),
    ],
    where: {},
    hasSteps: true,
    isErrorsOnly: true,
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
      // Of the processor: others may be at work.
      const before = process.cpuUsage();
      engine.ask("traffic", { ...query, fromMs: nowMs - 900_000, toMs: nowMs }, nowMs);
      const used = process.cpuUsage(before);
      times.push((used.user + used.system) / 1000);
    }
    const [best, worst] = [Math.min(...times), Math.max(...times)];
    console.log(`${name.padEnd(24)}${best.toFixed(0)} ms (worst of 5: ${worst.toFixed(0)} ms)`);
  }
  engine.close(nowMs);
} finally {
  rmSync(folder, { recursive: true });
}
