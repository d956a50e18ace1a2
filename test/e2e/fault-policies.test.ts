/** Faults that take time, as people ask for them: FaultPolicies by YAML and the command line, a control plane and real sidecars. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Answer, CatalogMesh } from "./catalog-mesh.ts";

const LARGE_BYTES = 100 * 1024;
const APP = `
require("node:http").createServer((request, response) => {
  response.end(request.url === "/large" ? "x".repeat(${LARGE_BYTES}) : "done");
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;

before(async () => {
  mesh = await CatalogMesh.start({ name: "faults", app: APP });
});

after(() => mesh?.remove());

const fault = (spec: object): object => ({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "FaultPolicy",
  metadata: { name: "slow" },
  spec: { targetRefs: [{ kind: "Service", name: "catalog" }], ...spec },
});

const matched = { headers: { "x-tester": "1" } };
const match = { headers: [{ name: "x-tester", value: "1" }] };

/** An answer and the milliseconds until it was there. */
async function timed(path = "/", headers = {}): Promise<Answer & { readonly ms: number }> {
  const beganMs = performance.now();
  const answer = await mesh.ask(path, { headers });
  return { ...answer, ms: performance.now() - beganMs };
}

test("a delay of a fixed time, for requests that match, and for a share of them", async () => {
  await mesh.apply(fault({ match, delay: { duration: "2s" } }));
  const slow = timed("/", matched.headers);
  // Begun later, and there before.
  assert.equal((await Promise.race([slow, mesh.ask()])) === (await slow), false);
  const { ms, status } = await slow;
  assert.equal(status, 200);
  assert.ok(ms > 1_990, String(ms));
  await mesh.apply(fault({ delay: { duration: "1500ms", percentage: 50 } }));
  const times = await Promise.all(Array.from({ length: 40 }, () => timed()));
  const delayed = times.filter((answer) => answer.ms > 1_490).length;
  assert.ok(delayed >= 5 && delayed <= 39, `${delayed} of 40`);
});

test("answers arrive as slowly as asked for", async () => {
  await mesh.apply(fault({ match, responseRateLimit: { kibibytesPerSecond: 64 } }));
  const slow = await timed("/large", matched.headers);
  assert.equal(slow.body.length, LARGE_BYTES);
  // The first part comes at once; a second's worth at most.
  assert.ok(slow.ms > 500, String(slow.ms));
  await mesh.apply(fault({ responseRateLimit: { fromRequest: true } }));
  const asked = await timed("/large", { "x-envoy-fault-throughput-response": "100" });
  assert.equal(asked.body.length, LARGE_BYTES);
  assert.ok(asked.ms > 500, String(asked.ms));
});

test("no more faults at a time than allowed", async () => {
  await mesh.apply(fault({ delay: { duration: "2s" }, maxActive: 1 }));
  const answers = [timed(), timed(), timed()];
  await Promise.race(answers);
  const times = (await Promise.all(answers)).map(({ ms }) => ms);
  assert.equal(times.filter((ms) => ms > 1_990).length, 1, times.join(" "));
  await mesh.tulle("delete", "--wait", "faultpolicy", "slow");
});

test("faults for some callers only: by namespace, identity and labels", async () => {
  const statusFor = async (...sources: readonly object[]): Promise<number> => {
    await mesh.apply(fault({ match: { sources }, abort: { httpStatus: 418 } }));
    return (await mesh.ask()).status;
  };
  assert.equal(await statusFor({ namespaces: ["elsewhere"] }), 200);
  assert.equal(await statusFor({ namespaces: ["default"] }), 418);
  assert.equal(await statusFor({ serviceAccounts: ["somebody"] }), 200);
  assert.equal(
    await statusFor({ namespaces: ["elsewhere"] }, { serviceAccounts: ["client"] }),
    418,
  );
  assert.equal(await statusFor({ workloadLabels: { app: "catalog" } }), 200);
  assert.equal(await statusFor({ workloadLabels: { app: "client" } }), 418);
  const nobody = await mesh.tryApply(fault({ match: { sources: [{}] }, reset: {} }));
  assert.match(nobody.output, /match\.sources\[0\].*says nothing of callers/);
  await mesh.tulle("delete", "--wait", "faultpolicy", "slow");
});
