/** The reading of wrk's report, on reports that it wrote. */
import assert from "node:assert/strict";
import test from "node:test";
import { parseReport, pathScript } from "./wrk.ts";

const REPORT = `Running 4s test @ http://127.0.0.1:9110/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.20ms  312.00us   9.10ms   91.10%
    Req/Sec    26.72k     1.13k   28.47k    75.00%
  Latency Distribution
     50%    1.14ms
     75%    1.27ms
     90%  980.00us
     99%    2.40ms
  106382 requests in 4.00s, 22.52MB read
Requests/sec:  26585.33
Transfer/sec:      5.63MB
`;

test("a report gives requests and latencies in microseconds", () => {
  assert.deepEqual(parseReport(REPORT), {
    requests: 106_382,
    p50Us: 1_140,
    p99Us: 2_400,
    failures: "",
  });
});

test("failed requests are told", () => {
  const text = `${REPORT}  Socket errors: connect 0, read 3, write 0, timeout 0\n  Non-2xx or 3xx responses: 7\n`;
  assert.equal(
    parseReport(text).failures,
    "Socket errors: connect 0, read 3, write 0, timeout 0; Non-2xx or 3xx responses: 7",
  );
});

test("anything else is refused", () => {
  assert.throws(() => parseReport("unable to connect"), /not a report of wrk/);
});

test("a script for several paths names each once", () => {
  const script = pathScript(["/a", "/b/c"]);
  assert.match(script, /local paths = \{ "\/a", "\/b\/c" \}/);
});
