/** What is paid for each request's metrics, ids and log line. */
import { bench, do_not_optimize, group } from "mitata";
import { ISTIO_JSON_FORMAT } from "../../src/telemetry/access-log/istio-format.ts";
import { jsonLineFormat, textLineFormat } from "../../src/telemetry/access-log/line-format.ts";
import { Counter } from "../../src/telemetry/counter.ts";
import { BYTE_BOUNDS, Histogram } from "../../src/telemetry/histogram.ts";
import { HttpDate } from "../../src/telemetry/http-date.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { prometheusText } from "../../src/telemetry/prometheus-text.ts";
import { newRequestId } from "../../src/telemetry/request-id.ts";
import { recordRequest } from "../../src/telemetry/request-metrics.ts";
import { SAMPLE_ENTRY } from "../../test/support/access-log-sample.ts";

const SERIES = 500;

group("count a request", () => {
  const histogram = new Histogram();
  const series = {
    requests: new Counter(),
    duration: new Histogram(),
    requestBytes: new Histogram(BYTE_BOUNDS),
    responseBytes: new Histogram(BYTE_BOUNDS),
    graph: { requests: new Counter(), failed: new Counter(), seconds: new Histogram() },
    isFailure: false,
  };
  let value = 0;
  bench("observe a small value", () => {
    value = (value + 1) % 10;
    histogram.observe(value);
  });
  bench("observe a large value", () => histogram.observe(900_000));
  bench("all of a request's metrics", () => recordRequest(series, 12.3, 214, 1_873));
});

group("make ids and dates", () => {
  const date = new HttpDate();
  let nowMs = Date.UTC(2026, 0, 1);
  bench("x-request-id", () => do_not_optimize(newRequestId()));
  bench("date, mostly of the same second", () => {
    nowMs += 1;
    do_not_optimize(date.at(nowMs));
  });
});

group("write a log line", () => {
  const options = { omitsEmpty: false, surroundings: { environment: {}, hostname: "" } };
  const refuse = (...reasons: readonly string[]): never => {
    throw new Error(reasons.join(": "));
  };
  const json = jsonLineFormat(ISTIO_JSON_FORMAT, options, refuse);
  const text = textLineFormat(
    "[%START_TIME%] %REQ(:METHOD)% %PATH% %RESPONSE_CODE% %DURATION%\n",
    options,
    refuse,
  );
  bench("JSON, Istio's keys", () => do_not_optimize(json(SAMPLE_ENTRY)));
  bench("text, five values", () => do_not_optimize(text(SAMPLE_ENTRY)));
});

group(`expose ${SERIES} series`, () => {
  const registry = new MetricRegistry();
  const counter = registry.counter("requests_total", "Requests.");
  const histogram = registry.histogram("duration", "Durations.");
  for (let i = 0; i < SERIES; i++) {
    const labels = { source: "cart", destination: `service-${i}`, code: "200" };
    counter.with(labels).add(1);
    histogram.with(labels).observe(i);
  }
  bench("as text", () => do_not_optimize(prometheusText(registry.families())));
});
