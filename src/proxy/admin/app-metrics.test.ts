/** What of an app's metrics page is put behind ours. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutFamilies } from "./app-metrics.ts";

const OWN = new Set(["istio_requests_total", "process_cpu_seconds_total", "took"]);

test("families of ours are left out whole, whatever their samples are called", () => {
  const page = [
    "# HELP orders_total Orders.",
    "# TYPE orders_total counter",
    'orders_total{kind="a b",note="# }{"} 3 1700000000000',
    "# some comment",
    "# TYPE istio_requests_total counter",
    'istio_requests_total{reporter="destination"} 1000000',
    "# TYPE took histogram",
    'took_bucket{le="+Inf"} 1',
    "took_sum 1",
    "took_count 1",
    "# TYPE process_cpu_seconds counter",
    "process_cpu_seconds_total 1",
    "took_longer 5",
    "",
    "# EOF",
  ].join("\n");
  assert.equal(
    withoutFamilies(page, OWN),
    [
      "# HELP orders_total Orders.",
      "# TYPE orders_total counter",
      'orders_total{kind="a b",note="# }{"} 3 1700000000000',
      "took_longer 5",
      "",
    ].join("\n"),
  );
});

test("a page that is none is left out whole", () => {
  for (const page of ["<html>", "orders_total 1\n{} 2", "1orders 1", "orders_total"]) {
    assert.equal(withoutFamilies(page, OWN), undefined, page);
  }
  assert.equal(withoutFamilies("", OWN), "");
});
