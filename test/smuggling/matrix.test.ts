/**
 * The smuggling matrix: a thousand hostile connections for each pair of versions. Whatever is sent, the
 * upstream sees no request that a strict reader would not have seen, and no client gets another's answer.
 * `TULLE_FUZZ_SEED` repeats a run.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HTTP2_CLUSTER } from "../support/http2-options.ts";
import { bootstrapOf } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { EchoUpstream, type Version } from "./echo-upstream.ts";
import { attack, extraRequests } from "./matrix.ts";

const CONNECTIONS = 1_000;
const seed = Number(process.env["TULLE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

const PAIRS: readonly { readonly downstream: Version; readonly upstream: Version }[] = [
  { downstream: "HTTP/1.1", upstream: "HTTP/1.1" },
  { downstream: "HTTP/1.1", upstream: "HTTP/2" },
  { downstream: "HTTP/2", upstream: "HTTP/1.1" },
  { downstream: "HTTP/2", upstream: "HTTP/2" },
];

for (const { downstream, upstream } of PAIRS) {
  test(`${downstream} to ${upstream}: ${CONNECTIONS} hostile connections`, async (t) => {
    const echo = await EchoUpstream.start(t, upstream);
    const fields = upstream === "HTTP/2" ? HTTP2_CLUSTER : {};
    const proxy = await ProxyFixture.start(
      t,
      bootstrapOf([{ routes: "app" }], [{ name: "app", endpoints: [echo.port], fields }]),
    );
    const outcome = await attack(downstream, upstream, proxy.port(), seed, CONNECTIONS);
    const told = `seed ${seed}`;
    assert.deepEqual(outcome.faults, [], told);
    assert.deepEqual(extraRequests(outcome, echo.requests), [], told);
    assert.deepEqual(echo.doubts, [], told);
    assert.equal(outcome.inputs, CONNECTIONS);
    // It did not hold because everything was refused.
    assert.ok(outcome.answered > CONNECTIONS / 10, `${outcome.answered} answers, ${told}`);
    assert.equal(proxy.metric("tulle_connection_faults_total"), 0);
  });
}
