/** Who gets how much: exact for round robin, within bounds for a fixed seed for the policies of chance. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SeededPrng } from "../../core/prng.ts";
import type { Candidate, LoadBalancer } from "./load-balancer.ts";
import { RandomChoice } from "./random.ts";
import { RoundRobin } from "./round-robin.ts";
import { leastRequestCost, peakEwmaCost, TwoChoices } from "./two-choices.ts";

/** An endpoint whose figures the test moves, with the average that the proxy's endpoints keep. */
class Server implements Candidate {
  readonly info: { readonly weight: number };
  activeRequests = 0;
  waitingCount = 0;
  ewmaMs = 0;
  ewmaAtMs = 0;
  unreachableUntilMs = 0;
  weightFactor = 1;
  picks = 0;
  latencyMs: number;

  constructor(latencyMs = 10, weight = 1) {
    this.latencyMs = latencyMs;
    this.info = { weight };
  }

  observe(latencyMs: number, nowMs: number): void {
    const weight = Math.exp((this.ewmaAtMs - nowMs) / 10_000);
    this.ewmaMs =
      latencyMs >= this.ewmaMs ? latencyMs : this.ewmaMs * weight + latencyMs * (1 - weight);
    this.ewmaAtMs = nowMs;
  }
}

/** A millisecond of a simulation at a time: `perMs` requests arrive, and what is done by then has ended. */
class Simulation {
  nowMs = 0;
  servers: readonly Server[];
  readonly #balancer: LoadBalancer<Server>;
  #inFlight: { readonly server: Server; readonly startMs: number; readonly endMs: number }[] = [];

  constructor(servers: readonly Server[], policy: "least request" | "peak-EWMA", seed = 1) {
    this.servers = servers;
    const inputs = { prng: new SeededPrng(seed), nowMs: () => this.nowMs };
    const cost =
      policy === "peak-EWMA" ? peakEwmaCost(inputs.nowMs) : leastRequestCost(inputs.nowMs);
    this.#balancer = new TwoChoices<Server>(inputs, cost);
    this.#balancer.setEndpoints(servers);
  }

  add(server: Server): void {
    this.servers = [...this.servers, server];
    this.#balancer.setEndpoints(this.servers);
  }

  run(ms: number, perMs: number): void {
    for (const server of this.servers) server.picks = 0;
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs++) {
      for (const { server, startMs } of this.#inFlight.filter((r) => r.endMs <= this.nowMs)) {
        server.activeRequests -= 1;
        server.observe(this.nowMs - startMs, this.nowMs);
      }
      this.#inFlight = this.#inFlight.filter((request) => request.endMs > this.nowMs);
      for (let i = 0; i < perMs; i++) this.#send();
    }
  }

  #send(): void {
    const server = this.#balancer.pick()!;
    server.picks += 1;
    server.activeRequests += 1;
    const endMs = this.nowMs + server.latencyMs;
    this.#inFlight.push({ server, startMs: this.nowMs, endMs });
  }

  share(server: Server): number {
    const total = this.servers.reduce((sum, { picks }) => sum + picks, 0);
    return server.picks / total;
  }
}

function counts(
  balancer: LoadBalancer<Server>,
  servers: readonly Server[],
  picks: number,
): number[] {
  balancer.setEndpoints(servers);
  const found = new Map<Server, number>(servers.map((server) => [server, 0]));
  for (let i = 0; i < picks; i++) {
    const server = balancer.pick()!;
    found.set(server, found.get(server)! + 1);
  }
  return [...found.values()];
}

function weighted(...weights: readonly number[]): Server[] {
  return weights.map((weight) => new Server(10, weight));
}

const fixed = { prng: new SeededPrng(11), nowMs: () => 0 };

test("round robin: any window as long as the sum of weights has each endpoint as often as its weight", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(weights, fc.nat(), (list, seed) => {
      const servers = weighted(...list);
      const balancer = new RoundRobin<Server>({ prng: new SeededPrng(seed), nowMs: () => 0 });
      balancer.setEndpoints(servers);
      const total = list.reduce((sum, weight) => sum + weight, 0);
      const picks = Array.from({ length: 3 * total }, () => balancer.pick()!);
      for (let start = 0; start <= 2 * total; start += 1 + (start % 3)) {
        const window = picks.slice(start, start + total);
        for (const server of servers) {
          const share = window.filter((picked) => picked === server).length;
          assert.equal(share, server.info.weight);
        }
      }
    }),
  );
});

test("round robin: turns are spread, so that no prefix is more than one pick off its share", () => {
  const servers = weighted(5, 1, 1);
  const balancer = new RoundRobin<Server>({ prng: { next: () => 0 }, nowMs: () => 0 });
  balancer.setEndpoints(servers);
  const order = Array.from({ length: 7 }, () => servers.indexOf(balancer.pick()!));
  assert.deepEqual(order, [0, 0, 0, 1, 2, 0, 0]);
});

test("round robin: an endpoint that starts slowly gets its part, and all of it when it is warm", () => {
  const servers = weighted(1, 1);
  servers[0]!.weightFactor = 0.5;
  assert.deepEqual(counts(new RoundRobin<Server>(fixed), servers, 300), [100, 200]);
  servers[0]!.weightFactor = 1;
  assert.deepEqual(counts(new RoundRobin<Server>(fixed), servers, 300), [150, 150]);
});

test("round robin: equal weights take turns in order", () => {
  const servers = weighted(3, 3, 3);
  const balancer = new RoundRobin<Server>({ prng: { next: () => 0.4 }, nowMs: () => 0 });
  balancer.setEndpoints(servers);
  const order = Array.from({ length: 6 }, () => servers.indexOf(balancer.pick()!));
  assert.deepEqual(order, [1, 2, 0, 1, 2, 0]);
});

test("random: as often as weights say, less while an endpoint starts slowly", () => {
  const slow = new Server();
  slow.weightFactor = 0.25;
  for (const [servers, wanted] of [
    [weighted(1, 1, 1, 1), [5_000, 5_000, 5_000, 5_000]],
    [weighted(7, 1, 1, 1), [14_000, 2_000, 2_000, 2_000]],
    [
      [slow, new Server()],
      [4_000, 16_000],
    ],
  ] as const) {
    const found = counts(new RandomChoice<Server>(fixed), servers, 20_000);
    for (const [index, count] of found.entries()) {
      assert.ok(Math.abs(count - wanted[index]!) < 300, String(found));
    }
  }
});

test("more than two choices: the least busy of those drawn wins", () => {
  const servers = Array.from({ length: 4 }, () => new Server());
  for (const [index, server] of servers.entries()) server.activeRequests = index;
  const shareOf = (choices: number): number => {
    const balancer = new TwoChoices<Server>(
      fixed,
      leastRequestCost(() => 0),
      choices,
    );
    return counts(balancer, servers, 10_000)[0]! / 10_000;
  };
  const [two, three] = [shareOf(2), shareOf(3)];
  assert.ok(Math.abs(two - 0.5) < 0.03, String(two));
  assert.ok(three > two + 0.1, String(three));
});

test("least request: a bias of 0 leaves weights alone, a greater one counts requests more", () => {
  const [heavy, light] = [new Server(10, 9), new Server(10, 1)];
  heavy.activeRequests = 16;
  light.activeRequests = 2;
  const first = (bias: number): number => {
    const cost = leastRequestCost(() => 0, bias);
    return counts(new TwoChoices<Server>(fixed, cost), [heavy, light], 1_000)[0]!;
  };
  assert.equal(first(1), 1_000, "16 / 9 is less than 2 / 1");
  assert.equal(first(2), 0, "16² / 9 is more than 2² / 1");
  assert.ok(Math.abs(first(0) - 900) < 40, "by weight alone");
});

test("two choices: while all are idle, shares follow the weights or are equal", () => {
  for (const cost of [leastRequestCost(() => 0), peakEwmaCost(() => 0)]) {
    const even = counts(new TwoChoices<Server>(fixed, cost), weighted(1, 1, 1, 1), 20_000);
    for (const count of even) assert.ok(Math.abs(count - 5_000) < 300, String(count));
    const uneven = counts(new TwoChoices<Server>(fixed, cost), weighted(6, 3, 1), 20_000);
    for (const [index, wanted] of [12_000, 6_000, 2_000].entries()) {
      assert.ok(Math.abs(uneven[index]! - wanted) < 300, String(uneven));
    }
  }
});

test("two choices: of two, always both are looked at", () => {
  const [busy, idle] = [new Server(), new Server()];
  busy.activeRequests = 1;
  assert.deepEqual(
    counts(
      new TwoChoices<Server>(
        fixed,
        leastRequestCost(() => 0),
      ),
      [busy, idle],
      100,
    ),
    [0, 100],
  );
});

test("two choices: requests that wait for a connection count as well", () => {
  const [waiting, idle] = [new Server(), new Server()];
  waiting.waitingCount = 1;
  for (const cost of [leastRequestCost(() => 0), peakEwmaCost(() => 0)]) {
    assert.deepEqual(counts(new TwoChoices<Server>(fixed, cost), [waiting, idle], 100), [0, 100]);
  }
});

test("two choices: who could not be connected to is passed over for a while, unless nobody else is left", () => {
  for (const policy of [leastRequestCost, peakEwmaCost]) {
    const [gone, busy] = [new Server(), new Server()];
    gone.unreachableUntilMs = 500;
    busy.activeRequests = 9;
    let nowMs = 0;
    const balancer = new TwoChoices<Server>(
      fixed,
      policy(() => nowMs),
    );
    assert.deepEqual(counts(balancer, [gone, busy], 100), [0, 100]);
    busy.unreachableUntilMs = 500;
    assert.deepEqual(counts(balancer, [gone, busy], 100), [100, 0]);
    busy.unreachableUntilMs = 0;
    nowMs = 500;
    assert.deepEqual(counts(balancer, [gone, busy], 100), [100, 0]);
  }
});

test("least request: under load a slow endpoint gets what it can do", () => {
  const slow = new Server(40);
  const simulation = new Simulation(
    [slow, new Server(10), new Server(10), new Server(10)],
    "least request",
  );
  simulation.run(2_000, 4);
  // Equal queues give a quarter of the speed a quarter of the share of each other: 1/13.
  const share = simulation.share(slow);
  assert.ok(share > 0.04 && share < 0.15, String(share));
});

test("least request: a heavier endpoint carries a longer queue", () => {
  const [heavy, light] = [new Server(20, 3), new Server(20, 1)];
  const simulation = new Simulation([heavy, light], "least request");
  simulation.run(2_000, 4);
  const share = simulation.share(heavy);
  assert.ok(share > 0.7 && share < 0.8, String(share));
});

test("peak-EWMA: a slow endpoint among ten gets far less than its tenth", () => {
  const slow = new Server(100);
  const servers = [slow, ...Array.from({ length: 9 }, () => new Server(5))];
  const simulation = new Simulation(servers, "peak-EWMA");
  simulation.run(1_000, 2);
  // Long enough for the estimate to fade, so that it is tried again and found as slow as before.
  simulation.run(60_000, 2);
  const share = simulation.share(slow);
  assert.ok(share > 0 && share < 0.03, String(share));
});

test("peak-EWMA: equally fast endpoints get equal shares", () => {
  const servers = Array.from({ length: 5 }, () => new Server(8));
  const simulation = new Simulation(servers, "peak-EWMA");
  simulation.run(3_000, 2);
  for (const server of servers) {
    assert.ok(Math.abs(simulation.share(server) - 0.2) < 0.04, String(simulation.share(server)));
  }
});

test("peak-EWMA: one slow answer is felt at once, and forgotten when the endpoint is fast again", () => {
  const shaky = new Server(5);
  const servers = [shaky, ...Array.from({ length: 4 }, () => new Server(5))];
  const simulation = new Simulation(servers, "peak-EWMA");
  simulation.run(1_000, 2);
  shaky.latencyMs = 500;
  simulation.run(600, 2);
  simulation.run(2_000, 2);
  const whileSlow = simulation.share(shaky);
  assert.ok(whileSlow < 0.02, String(whileSlow));
  shaky.latencyMs = 5;
  simulation.run(60_000, 2);
  simulation.run(5_000, 2);
  const recovered = simulation.share(shaky);
  assert.ok(recovered > 0.15, String(recovered));
});

test("peak-EWMA: a new endpoint is tried by one request, not flooded until it answers", () => {
  const cold = new Server(1_000);
  const simulation = new Simulation([new Server(5), new Server(5)], "peak-EWMA");
  simulation.run(100, 4);
  simulation.add(cold);
  simulation.run(900, 4);
  assert.equal(cold.picks, 1);
});
