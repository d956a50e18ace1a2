/** What views of telemetry tell of instances, routes and events, through a real control plane: OTLP in, JSON out. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ApplyResponse, ChecksResponse } from "../../src/control-plane/api-types.ts";
import type { ControlPlane } from "../../src/control-plane/control-plane.ts";
import type {
  EventsResponse,
  MeshEvent,
  ServiceDetailResponse,
  ServicesResponse,
} from "../../src/control-plane/telemetry-types.ts";
import {
  callApi,
  INBOUND_PORT,
  StandInSidecar,
  startControlPlane,
  temporaryFolder,
} from "../support/control-plane-fixture.ts";
import { counter, gauge, OtlpSender } from "../support/otlp-sender.ts";

const SERVICES = ["catalog", "cart"]
  .map(
    (name) => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  selector: {app: ${name}}
  ports: [{port: 80, targetPort: 8080}]
---
`,
  )
  .join("");
const CART = { service: "cart", instance: "cart-a" };

const folder = temporaryFolder();
let controlPlane: ControlPlane;
let sidecars: readonly StandInSidecar[];
let fromCart: OtlpSender;

before(async () => {
  controlPlane = await startControlPlane(folder.path);
  const { file } = controlPlane;
  await callApi<ApplyResponse>(file, "POST", "/api/v1/apply", {
    body: { files: [{ name: "mesh.yaml", text: SERVICES }] },
  });
  sidecars = [
    new StandInSidecar({ file, id: "cart-a", service: "cart", block: 25 }),
    new StandInSidecar({ file, id: "catalog-a", service: "catalog", block: 26 }),
    new StandInSidecar({ file, id: "catalog-b", service: "catalog", block: 27 }),
  ];
  await Promise.all(sidecars.map((one) => one.start()));
  fromCart = new OtlpSender(file, (sidecars[0] as StandInSidecar).agent);
});

after(async () => {
  fromCart.close();
  await Promise.all(sidecars.map((one) => one.stop()));
  await controlPlane.stop(1000);
  folder.remove();
});

async function get<T>(path: string): Promise<T> {
  const { status, body } = await callApi<T>(controlPlane.file, "GET", `/api/v1/telemetry/${path}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

/** Events of ejections, at least so many. */
async function ejections(count: number): Promise<readonly MeshEvent[]> {
  for (;;) {
    const { events } = await get<EventsResponse>("events?type=ejection");
    if (events.length >= count) return events;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("an instance that a caller ejected is told by name, and so is its return", async () => {
  const cluster = "outbound|80||catalog.default.svc.tulle.local";
  const endpoint = `${sidecars[2]?.address}:${INBOUND_PORT}`;
  const told = (value: number) =>
    fromCart.metrics(CART, [
      gauge("tulle_outlier_ejections_active", { cluster }, value, Date.now()),
      gauge("tulle_outlier_endpoint_ejected", { cluster, endpoint }, value, Date.now()),
    ]);
  await told(1);
  const { services } = await get<ServicesResponse>("services?service=catalog");
  assert.deepEqual(services[0]?.instances, { total: 2, healthy: 2, ejected: 1 });
  assert.equal(services[0]?.healthReason, "callers have ejected 1 of 2 instances");
  const isEjected = async () =>
    (await get<ServiceDetailResponse>("services/default/catalog")).instances.map((one) => [
      one.name,
      one.isEjected,
    ]);
  assert.deepEqual(await isEjected(), [
    ["catalog-a", false],
    ["catalog-b", true],
  ]);
  const text = `catalog-b (${endpoint}) of catalog.default.svc.tulle.local`;
  const [out] = await ejections(1);
  assert.deepEqual(
    [out?.subject, out?.severity, out?.message],
    ["default/cart-a", "warning", `ejected ${text}`],
  );
  await told(0);
  const [back] = await ejections(2);
  assert.deepEqual([back?.severity, back?.message], ["info", `took back ${text}`]);
  assert.deepEqual(await isEjected(), [
    ["catalog-a", false],
    ["catalog-b", false],
  ]);
});

test("an empty value is refused by its name", async () => {
  for (const path of ["services?service=", "logs?text=", "events/follow?type=", "edges?since="]) {
    const name = /\?(\w+)=/.exec(path)?.[1] ?? "";
    const { status, body } = await callApi<{ error: { message: string } }>(
      controlPlane.file,
      "GET",
      `/api/v1/telemetry/${path}`,
    );
    assert.deepEqual([status, body.error.message], [400, `${name} has no value`]);
  }
});

test("what a sidecar tells of itself becomes findings of `tulle check`", async () => {
  const startMs = Date.now() - 60_000;
  const times = { startMs, timeMs: Date.now() };
  const family = "tulle_route_requests_total";
  await fromCart.metrics(CART, [
    counter("tulle_trace_context_passed_on_total", {}, 0, times),
    counter("tulle_trace_context_lost_total", {}, 20, times),
    counter("tulle_metrics_dropped_series_total", { family }, 3, times),
  ]);
  // Whoever asks next is answered after what was told.
  await get<ServicesResponse>("services");
  const { body } = await callApi<ChecksResponse>(controlPlane.file, "GET", "/api/v1/checks");
  const found = body.checks.flatMap(({ name, findings }) =>
    findings.map(({ code, message }) => [name, code, message]),
  );
  assert.deepEqual(
    found.filter(([name]) => name === "traces-passed-on" || name === "series-in-bounds"),
    [
      [
        "series-in-bounds",
        "series-overflow",
        `proxy default/cart-a has no room for 3 more label sets of ${family}: they are counted together as "overflow"`,
      ],
      [
        "traces-passed-on",
        "no-propagation",
        "cart does not pass on the context of traces, so that they end there",
      ],
    ],
  );
});

test("every event has a sentence, which begins as all of them do", async () => {
  const { file } = controlPlane;
  const post = (path: string, body: object) => callApi(file, "POST", path, { body });
  await post("/api/v1/instances/default/cart-a/actions", { action: "drain" });
  await post("/api/v1/instances/default/cart-a/actions", { action: "undrain" });
  await post("/api/v1/ca/retire", { root: "unknown" });
  await post("/api/v1/tokens", { name: "ci", role: "viewer" });
  const { events } = await get<EventsResponse>("events?limit=1000");
  for (const { message, subject } of events) {
    assert.match(message, /^(?![A-Z][a-z]* )\S.*$/);
    assert.notEqual(subject, "");
  }
  const ofActions = events
    .filter(({ actor, type }) => actor !== null && type === "control-plane")
    .map(({ subject, message }) => `${subject}: ${message}`)
    .filter((text) => !text.includes("join token"));
  assert.deepEqual(ofActions.toReversed(), [
    "Workload default/cart-a: taken out of service",
    "Workload default/cart-a: put back into service",
    "control plane: POST /api/v1/ca/retire was refused with status 400",
    "control plane: the token ci was made for the role viewer",
  ]);
});
