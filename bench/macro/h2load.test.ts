/** The reading of h2load's report, on reports that it wrote. */
import assert from "node:assert/strict";
import test from "node:test";
import { parseH2load } from "./h2load.ts";

const REPORT = `Application protocol: h2c
Main benchmark duration is over for thread #0. Stopping all clients.
Stopped all clients for thread #0

finished in 2.00s, 266960.00 req/s, 13.75MB/s
requests: 533920 total, 533984 started, 533920 done, 533920 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 533920 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 27.50MB (28836152) total, 5.60MB (5874192) headers (space savings 93.60%), 7.64MB (8008800) data
                     min         max         mean         sd        +/- sd
time for request:       41us      5.92ms       140us       155us    96.78%
`;
const LOG = "1795654450034598\t200\t172\n1795654450034599\t200\t90\n1795654450034600\t200\t1191\n";

test("a report and its log give requests and latencies in microseconds", () => {
  const expected = { requests: 533_920, p50Us: 172, p99Us: 1_191, failures: "" };
  assert.deepEqual(parseH2load(REPORT, LOG), expected);
});

test("failed requests are told", () => {
  const report = REPORT.replace(
    "533920 succeeded, 0 failed, 0 errored",
    "533908 succeeded, 12 failed, 2 errored",
  ).replace("0 5xx", "10 5xx");
  assert.equal(parseH2load(report, LOG).failures, "12 failed, 2 errored, 10 5xx");
});

test("anything else is refused", () => {
  assert.throws(() => parseH2load("could not connect", LOG), /not a report of h2load/);
  assert.throws(() => parseH2load(REPORT, ""), /logged no request/);
  const other = REPORT.replace("h2c", "http/1.1");
  assert.throws(() => parseH2load(other, LOG), /spoke http\/1.1, not HTTP\/2/);
});
