/** Sidecars that use a part of a cluster's endpoints, as real processes: which, how many, and what stands in. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { endpointRank, subsetSeedOf } from "../../src/decision/load-balancing/endpoint-subset.ts";
import { ask, ourBootstrap, portServers } from "../support/balancing-pair.ts";
import { routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import type { RawUpstream, UpstreamRequest } from "../support/raw-upstream.ts";
import { LB } from "../support/sample-parts.ts";

const COUNT = 12;
const SIZE = 4;
const REQUESTS = 24;
const UNAVAILABLE = "503 Service Unavailable";
const CHECK_INTERVAL = "0.1s";

function policies(...configs: readonly JsonObject[]): JsonObject {
  const list = configs.map((typed_config) => ({
    typed_extension_config: { name: "policy", typed_config },
  }));
  return { policies: list };
}

const ROUND_ROBIN = { "@type": `${LB}.round_robin.v3.RoundRobin` };
const PART: JsonObject = {
  load_balancing_policy: policies(
    {
      "@type": `${LB}.random_subsetting.v3.RandomSubsetting`,
      subset_size: SIZE,
      child_policy: policies(ROUND_ROBIN),
    },
    ROUND_ROBIN,
  ),
};

interface Caller {
  readonly proxy: ProxyProcess;
  readonly port: number;
}

interface CallerSpec {
  readonly ports: readonly number[];
  readonly fields?: JsonObject;
  readonly flags?: readonly string[];
}

async function startCaller(
  context: TestContext,
  id: string,
  { ports, fields = {}, flags = [] }: CallerSpec,
): Promise<Caller> {
  const bootstrap = ourBootstrap({
    clusters: [{ name: "app", endpoints: ports, fields: { ...PART, ...fields } }],
    routes: [routeTo("app", { retry_policy: { retry_on: "connect-failure,5xx", num_retries: 3 } })],
    more: { node: { id, cluster: "test" } },
  });
  const proxy = await ProxyProcess.start(context, bootstrap, flags);
  return { proxy, port: proxy.port("main") };
}

/** The ports that answer some requests. */
async function answering(caller: Caller): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let i = 0; i < REQUESTS; i++) {
    const { status, body } = await ask(caller, "/");
    assert.equal(status, 200, body);
    found.add(Number(body));
  }
  return [...found].sort();
}

/** What a caller of this name must use, and what must stand in, in this order. */
function rankedFor(id: string, ports: readonly number[]): readonly number[] {
  const rank = endpointRank(subsetSeedOf(id));
  return ports.toSorted((a, b) => rank(`127.0.0.1:${a}`) - rank(`127.0.0.1:${b}`));
}

/** Names of callers that together use every endpoint: ports are others in each run. */
function coveringCallers(ports: readonly number[]): readonly string[] {
  const left = new Set(ports);
  const names: string[] = [];
  for (let index = 0; left.size > 0; index++) {
    const name = `caller-${index}`;
    const own = rankedFor(name, ports).slice(0, SIZE);
    const news = own.filter((port) => left.has(port)).length;
    // Three new ones each at first, so that some six processes are enough.
    if (news === 0 || (left.size > SIZE && news < SIZE - 1)) continue;
    names.push(name);
    for (const port of own) left.delete(port);
  }
  return names;
}

async function memberLines(proxy: ProxyProcess, wanted: boolean): Promise<number> {
  const { body } = await proxy.admin("/clusters");
  return body.split("\n").filter((line) => line.endsWith(`::in_subset::${wanted}`)).length;
}

test("each caller uses as many endpoints as asked, and together they use all", async (context) => {
  const servers = await portServers(context, COUNT);
  const ports = servers.map(({ port }) => port);
  const names = coveringCallers(ports);
  const used = new Set<number>();
  const callers = await Promise.all(names.map((name) => startCaller(context, name, { ports })));
  for (const [index, caller] of callers.entries()) {
    const name = names[index]!;
    const own = await answering(caller);
    assert.deepEqual(own, rankedFor(name, ports).slice(0, SIZE).sort(), name);
    for (const port of own) used.add(port);
    assert.equal(await memberLines(caller.proxy, true), SIZE);
    assert.equal(await memberLines(caller.proxy, false), COUNT - SIZE);
    const { body } = await caller.proxy.admin("/stats/prometheus");
    assert.match(body, /tulle_lb_subset_members\{[^}]*cluster="app"[^}]*\} 4\n/);
  }
  assert.equal(used.size, COUNT);
});

test("a restart under the same name uses the same endpoints, and so do all of its workers", async (context) => {
  const ports = (await portServers(context, COUNT)).map(({ port }) => port);
  const first = await answering(await startCaller(context, "caller", { ports }));
  assert.deepEqual(await answering(await startCaller(context, "caller", { ports })), first);
  const flags = ["--workers", "2"];
  const workers = await startCaller(context, "caller", { ports, flags });
  assert.deepEqual(await answering(workers), first);
  assert.equal(await memberLines(workers.proxy, true), SIZE);
});

test("a member that fails is replaced by the next in rank, and by no other", async (context) => {
  let failing = 0;
  const servers = await portServers(context, COUNT, (request, port) => {
    if (port === failing) request.reply("failed", [], UNAVAILABLE);
    else request.reply(String(port));
  });
  const ports = servers.map(({ port }) => port);
  const ranked = rankedFor("caller", ports);
  const fields = {
    outlier_detection: {
      ...{ consecutive_5xx: 1, base_ejection_time: "300s", max_ejection_percent: 100 },
    },
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
  };
  const caller = await startCaller(context, "caller", { ports, fields });
  assert.deepEqual(await answering(caller), ranked.slice(0, SIZE).sort());
  failing = ranked[1]!;
  // The first answer of it puts it out; the request is tried elsewhere.
  await answering(caller);
  const expected = [ranked[0]!, ...ranked.slice(2, SIZE + 1)].sort();
  assert.deepEqual(await answering(caller), expected);
  assert.equal(await memberLines(caller.proxy, true), SIZE);
});

test("health checks ask members and those that they stand in for, nobody else", async (context) => {
  const checked = new Set<number>();
  let failing = 0;
  const onRequest = (request: UpstreamRequest, port: number): void => {
    if (request.target !== "/healthz") {
      request.reply(String(port));
      return;
    }
    checked.add(port);
    request.reply("", [], port === failing ? UNAVAILABLE : "200 OK");
  };
  const servers = await portServers(context, COUNT, onRequest);
  const ports = servers.map(({ port }) => port);
  const ranked = rankedFor("caller", ports);
  const interval = { interval: CHECK_INTERVAL, no_traffic_interval: CHECK_INTERVAL };
  const check = { ...interval, timeout: "10s", unhealthy_threshold: 1, healthy_threshold: 1 };
  const fields = { health_checks: [{ ...check, http_health_check: { path: "/healthz" } }] };
  const caller = await startCaller(context, "caller", { ports, fields });
  const members = ranked.slice(0, SIZE).toSorted();
  while (checked.size < SIZE) await caller.proxy.admin("/ready");
  assert.deepEqual(await answering(caller), members);
  assert.deepEqual([...checked].sort(), members);

  failing = ranked[0]!;
  const standIns = ranked.slice(1, SIZE + 1).toSorted();
  while (!checked.has(ranked[SIZE]!)) await caller.proxy.admin("/ready");
  while (String(await answering(caller)) !== String(standIns));
  assert.deepEqual([...checked].sort(), ranked.slice(0, SIZE + 1).toSorted());

  failing = 0;
  while (String(await answering(caller)) !== String(members));
  // What stood in is not asked any more, and keeps no connection.
  await untilClosed(servers.find(({ port }) => port === ranked[SIZE])!);
});

async function untilClosed(server: RawUpstream): Promise<void> {
  await server.until(() => server.openCount === 0);
}
