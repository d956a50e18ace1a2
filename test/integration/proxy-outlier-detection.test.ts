/**
 * One of four instances answers badly: how many of its bad answers a caller sees, that it is left alone then, and that
 * it is back after it has recovered. By the real proxy, with the times that translation gives by default.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const DETECTION: JsonObject = {
  consecutive_5xx: 5,
  base_ejection_time: "0.5s",
  max_ejection_time: "1s",
  max_ejection_percent: 50,
};

/** Instances that say which one they are; the first one answers what the test wants. */
class Instances {
  readonly ports: number[] = [];
  status = "200 OK";
  /** More header lines of the first one's answers. */
  lines: readonly string[] = [];
  /** Requests to the first one. */
  firstCount = 0;

  static async start(context: TestContext, count: number): Promise<Instances> {
    const instances = new Instances();
    for (let i = 0; i < count; i++) {
      const upstream = await RawUpstream.start(context, {
        onRequest: (request) => {
          if (i > 0) {
            request.reply(String(i));
            return;
          }
          instances.firstCount += 1;
          request.reply("0", instances.lines, instances.status);
        },
      });
      instances.ports.push(upstream.port);
    }
    return instances;
  }
}

async function setUp(context: TestContext, detection: JsonObject = {}, action: JsonObject = {}) {
  const instances = await Instances.start(context, 4);
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", action)] }],
      [
        {
          name: "app",
          endpoints: instances.ports,
          fields: { outlier_detection: { ...DETECTION, ...detection } },
        },
      ],
    ),
  );
  const client = await RawClient.connect(proxy.port("main"));
  context.after(() => client.close());
  const ask = async (): Promise<number> => {
    client.get("/");
    return (await client.response()).status;
  };
  return { instances, proxy, ask };
}

test("a caller sees at most five bad answers, and the instance is back when it is well", async (context) => {
  const { instances, proxy, ask } = await setUp(context);
  for (let i = 0; i < 8; i++) assert.equal(await ask(), 200);
  instances.status = "503 Service Unavailable";
  let bad = 0;
  for (let i = 0; i < 60; i++) if ((await ask()) === 503) bad += 1;
  assert.equal(bad, 5);
  const ejected = await proxy.line("endpoint ejected");
  assert.equal(ejected["reason"], "consecutive_5xx");
  assert.equal(ejected["ejected"], "1 of 4");
  // At most half a second, then one request tries it.
  assert.equal(ejected["ms"], 500);
  const { body } = await proxy.admin("/clusters");
  assert.match(body, /health_flags::\/failed_outlier_check\n/);

  instances.status = "200 OK";
  const before = instances.firstCount;
  while (instances.firstCount === before) assert.equal(await ask(), 200);
  await proxy.line("endpoint restored");
  for (let i = 0; i < 8; i++) assert.equal(await ask(), 200);
  assert.ok(instances.firstCount > before + 1, "it has its share again");
  const metrics = (await proxy.admin("/metrics")).body;
  assert.match(
    metrics,
    /tulle_outlier_ejections_total\{cluster="app",reason="consecutive_5xx"\} 1\n/,
  );
  assert.match(metrics, /tulle_outlier_trials_total\{cluster="app",result="passed"\} 1\n/);
  assert.match(metrics, /tulle_outlier_ejections_active\{cluster="app"\} 0\n/);
});

test("an instance that stays broken costs one request for each time that it is out", async (context) => {
  const { instances, proxy, ask } = await setUp(context, {
    base_ejection_time: "0.05s",
    max_ejection_time: "0.05s",
  });
  instances.status = "500 Internal Server Error";
  while (instances.firstCount < 5) await ask();
  await proxy.line("endpoint ejected");
  let asked = 0;
  let bad = 0;
  while (bad < 3) {
    asked += 1;
    if ((await ask()) === 500) bad += 1;
  }
  assert.equal(instances.firstCount, 8);
  // The first trial comes at once, and between two of them are nineteen other requests at least.
  assert.ok(asked >= 2 * 20, String(asked));
});

test("a connection that cannot be made counts like a bad answer", async (context) => {
  const gone = await RawUpstream.start(context);
  const { port } = gone;
  gone.close();
  const quick = await RawUpstream.start(context, { onRequest: (request) => request.reply("ok") });
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf(
      [{ routes: "app" }],
      [
        {
          name: "app",
          endpoints: [port, quick.port],
          fields: { outlier_detection: { ...DETECTION, consecutive_5xx: 2 } },
        },
      ],
    ),
  );
  const client = await RawClient.connect(proxy.port("main"));
  context.after(() => client.close());
  let bad = 0;
  for (let i = 0; i < 12; i++) {
    client.get("/");
    if ((await client.response()).status === 503) bad += 1;
  }
  assert.ok(bad <= 3, String(bad));
  const line = await proxy.line("endpoint ejected");
  assert.equal(line["endpoint"], `127.0.0.1:${port}`);
});

test("answers that come too late count, and so do those that a retry hides", async (context) => {
  const slow = await RawUpstream.start(context, { onRequest: () => {} });
  const quick = await RawUpstream.start(context, { onRequest: (request) => request.reply("ok") });
  const action = { retry_policy: { retry_on: "5xx", num_retries: 2, per_try_timeout: "0.05s" } };
  const proxy = await ProxyProcess.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", action)] }],
      [
        {
          name: "app",
          endpoints: [slow.port, quick.port],
          fields: { outlier_detection: { ...DETECTION, consecutive_5xx: 2 } },
        },
      ],
    ),
  );
  const client = await RawClient.connect(proxy.port("main"));
  context.after(() => client.close());
  for (let i = 0; i < 6; i++) {
    client.get("/");
    assert.equal((await client.response()).status, 200);
  }
  const line = await proxy.line("endpoint ejected");
  assert.equal(line["endpoint"], `127.0.0.1:${slow.port}`);
});

test("what an instance's sidecar refuses on purpose ejects nobody", async (context) => {
  const { instances, proxy, ask } = await setUp(context);
  instances.status = "503 Service Unavailable";
  for (const flag of ["OM", "RL"]) {
    instances.lines = [`x-tulle-response-flags: ${flag}`];
    let refused = 0;
    for (let i = 0; i < 60; i++) if ((await ask()) === 503) refused += 1;
    assert.equal(refused, 15, flag);
  }
  // What went wrong there does.
  instances.lines = ["x-tulle-response-flags: UC"];
  for (let i = 0; i < 60; i++) await ask();
  const ejected = await proxy.line("endpoint ejected");
  assert.equal(ejected["reason"], "consecutive_5xx");
});
