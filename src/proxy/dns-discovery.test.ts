/** Names of endpoints with a resolver by hand and a clock that is moved. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { SeededPrng } from "../core/prng.ts";
import type { DnsSettings } from "./config/dns-config.ts";
import { DnsDiscovery } from "./dns-discovery.ts";
import type { EndpointInfo } from "./endpoint.ts";
import type { NameAnswer } from "./resolve-name.ts";

const SETTINGS: DnsSettings = {
  kind: "strict",
  refreshMs: 5_000,
  respectsTtl: true,
  family: "auto",
};

function setUp(settings: Partial<DnsSettings> = {}, hosts = ["a.example"]) {
  const clock = new ManualClock();
  const answers = new Map<string, NameAnswer | Error>();
  const asked: string[] = [];
  const published: string[][] = [];
  const discovery = new DnsDiscovery({
    clusterName: "c",
    settings: { ...SETTINGS, ...settings },
    endpoints: hosts.map((host) => ({ host, port: 80, hostname: "" }) as unknown as EndpointInfo),
    resolve: (name) => {
      asked.push(name);
      const answer = answers.get(name) ?? new Error("no answer");
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    clock,
    prng: new SeededPrng(1),
    log: silentLogger,
    onEndpoints: (endpoints) => published.push(endpoints.map(({ host }) => host)),
  });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const answer = (name: string, addresses: readonly string[], ttlMs?: number) =>
    answers.set(name, { addresses, ttlMs });
  return { clock, answers, answer, asked, published, discovery, settle };
}

test("every address is an endpoint, in an order of its own", async () => {
  const { answer, discovery, published, settle } = setUp();
  answer("a.example", ["192.0.2.2", "192.0.2.1", "192.0.2.2"]);
  discovery.start();
  await settle();
  assert.deepEqual(published, [["192.0.2.1", "192.0.2.2"]]);
  discovery.stop();
});

test("a name is asked again when its answer is old, and only changes are told", async () => {
  const { clock, answer, discovery, asked, published, settle } = setUp();
  answer("a.example", ["192.0.2.1", "192.0.2.2"], 30_000);
  discovery.start();
  await settle();
  clock.advance(29_000);
  await settle();
  assert.equal(asked.length, 1);
  answer("a.example", ["192.0.2.2", "192.0.2.1"], 100);
  clock.advance(5_000);
  await settle();
  assert.equal(asked.length, 2);
  assert.equal(published.length, 1, "a turned answer is no change");
  clock.advance(900);
  await settle();
  assert.equal(
    asked.length,
    2,
    "an answer that holds for less than a second is not asked for more often",
  );
  answer("a.example", ["192.0.2.3"]);
  clock.advance(300);
  await settle();
  assert.deepEqual(published.at(-1), ["192.0.2.3"]);
  discovery.stop();
});

test("addresses stay in use while nobody answers, or the answer is empty", async () => {
  const { clock, answers, answer, discovery, asked, published, settle } = setUp();
  answer("a.example", ["192.0.2.1"]);
  discovery.start();
  await settle();
  answers.set("a.example", new Error("server failure"));
  clock.advance(6_000);
  await settle();
  answer("a.example", []);
  clock.advance(6_000);
  await settle();
  assert.equal(asked.length, 3);
  assert.deepEqual(published, [["192.0.2.1"]]);
  discovery.stop();
});

test("of a logical name one address is used, for as long as it is one", async () => {
  const { clock, answer, discovery, published, settle } = setUp({ kind: "logical" });
  answer("a.example", ["192.0.2.2", "192.0.2.1"]);
  discovery.start();
  await settle();
  answer("a.example", ["192.0.2.1", "192.0.2.2"]);
  clock.advance(6_000);
  await settle();
  answer("a.example", ["192.0.2.1"]);
  clock.advance(6_000);
  await settle();
  assert.deepEqual(published, [["192.0.2.2"], ["192.0.2.1"]]);
  discovery.stop();
});

test("addresses beside names are there at once, and what two names share counts once", async () => {
  const { answer, discovery, published, settle } = setUp({}, [
    "192.0.2.9",
    "a.example",
    "b.example",
  ]);
  answer("a.example", ["192.0.2.1"]);
  answer("b.example", ["192.0.2.1", "192.0.2.2"]);
  discovery.start();
  assert.deepEqual(published, [["192.0.2.9"]]);
  await settle();
  assert.deepEqual(published.at(-1), ["192.0.2.9", "192.0.2.1", "192.0.2.2"]);
  discovery.stop();
});

test("nothing is asked or told after the stop", async () => {
  const { clock, answer, discovery, asked, published, settle } = setUp();
  answer("a.example", ["192.0.2.1"]);
  discovery.start();
  discovery.stop();
  await settle();
  clock.advance(60_000);
  await settle();
  assert.equal(asked.length, 1);
  assert.deepEqual(published, []);
});
