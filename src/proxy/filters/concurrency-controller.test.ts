/** The controller before a modelled app: so many workers, a queue before them, arrivals by chance. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededPrng } from "../../core/prng.ts";
import type { GradientSettings } from "../../decision/filters/admission-concurrency-rule.ts";
import { ConcurrencyController } from "./concurrency-controller.ts";

const CRITICAL = 0;
const DEFAULT = 1;
const SHEDDABLE = 2;

const SETTINGS: GradientSettings = {
  quantile: 0.5,
  concurrencyMax: 1_000,
  concurrencyMin: 3,
  updateIntervalMs: 100,
  calibrationIntervalMs: 60_000,
  jitter: 0.15,
  calibrationSamples: 50,
  tolerance: 0.25,
};

interface Load {
  readonly workers: number;
  /** Mean time of work, spread evenly by half of it to both sides. */
  readonly serviceMs: number;
  /** Of the app's capacity, by class. */
  readonly offered: readonly [critical: number, normal: number, sheddable: number];
  readonly durationMs: number;
  /** What is not counted at the beginning. */
  readonly warmUpMs?: number;
  readonly seed?: number;
}

interface ClassResult {
  readonly arrived: number;
  readonly shed: number;
  readonly latenciesMs: number[];
}

class Simulation {
  readonly controller: ConcurrencyController;
  readonly classes: ClassResult[] = [0, 1, 2].map(() => ({ arrived: 0, shed: 0, latenciesMs: [] }));
  readonly #prng: SeededPrng;
  /** When each worker is free. */
  #freeAtMs: number[] = [];
  /** Answers to come, by time. */
  readonly #answers: { readonly atMs: number; readonly tell: () => void }[] = [];
  nowMs = 0;

  constructor(seed = 1) {
    this.#prng = new SeededPrng(seed);
    this.controller = new ConcurrencyController(SETTINGS, new SeededPrng(seed + 1));
  }

  run({ workers, serviceMs, offered, durationMs, warmUpMs = 0 }: Load): void {
    const capacity = workers / serviceMs;
    const rates = offered.map((share) => share * capacity);
    const total = rates.reduce((sum, rate) => sum + rate, 0);
    const endMs = this.nowMs + durationMs;
    const countedFromMs = this.nowMs + warmUpMs;
    this.#freeAtMs = Array.from({ length: workers }, () => this.nowMs);
    for (;;) {
      const nextMs = this.nowMs - Math.log(1 - this.#prng.next()) / total;
      this.#answerUntil(Math.min(nextMs, endMs));
      this.nowMs = Math.min(nextMs, endMs);
      if (nextMs >= endMs) break;
      const draw = this.#prng.next() * total;
      const [critical, normal] = rates as [number, number];
      const priority = draw < critical ? CRITICAL : draw < critical + normal ? DEFAULT : SHEDDABLE;
      this.#arrive(priority, serviceMs, this.nowMs >= countedFromMs);
    }
  }

  #arrive(priority: number, serviceMs: number, isCounted: boolean): void {
    const result = this.classes[priority] as { -readonly [K in keyof ClassResult]: ClassResult[K] };
    const arrivedMs = this.nowMs;
    if (isCounted) result.arrived += 1;
    if (!this.controller.tryAdmit(priority, arrivedMs)) {
      if (isCounted) result.shed += 1;
      return;
    }
    const wasCalm = this.controller.isCalm;
    const worker = this.#freeAtMs.indexOf(Math.min(...this.#freeAtMs));
    const beginMs = Math.max(arrivedMs, this.#freeAtMs[worker]!);
    const doneMs = beginMs + serviceMs * (0.5 + this.#prng.next());
    this.#freeAtMs[worker] = doneMs;
    const tell = (): void => {
      this.controller.release();
      this.controller.onLatency(doneMs - arrivedMs, wasCalm, doneMs);
      if (isCounted) result.latenciesMs.push(doneMs - arrivedMs);
    };
    const at = this.#answers.findLastIndex((answer) => answer.atMs <= doneMs) + 1;
    this.#answers.splice(at, 0, { atMs: doneMs, tell });
  }

  #answerUntil(untilMs: number): void {
    while (this.#answers.length > 0 && this.#answers[0]!.atMs <= untilMs) {
      this.#answers.shift()!.tell();
    }
  }
}

function simulate(load: Load): Simulation {
  const simulation = new Simulation(load.seed);
  simulation.run(load);
  return simulation;
}

function p99(latenciesMs: readonly number[]): number {
  return latenciesMs.toSorted((a, b) => a - b)[Math.floor(latenciesMs.length * 0.99)]!;
}

function shedShare({ arrived, shed }: ClassResult): number {
  return shed / arrived;
}

const APPS = [
  { workers: 1, serviceMs: 5 },
  { workers: 4, serviceMs: 10 },
  { workers: 16, serviceMs: 10 },
  { workers: 64, serviceMs: 50 },
  // Answers take as long as the interval in which the limit is adapted, or longer.
  { workers: 8, serviceMs: 80 },
  { workers: 16, serviceMs: 150 },
];

for (const app of APPS) {
  const name = `${app.workers} workers of ${app.serviceMs} ms`;

  test(`${name}: with half of what they can do nothing is shed`, () => {
    const { classes } = simulate({ ...app, offered: [0.2, 0.2, 0.1], durationMs: 30_000 });
    assert.ok(
      classes.every((result) => shedShare(result) < 0.01),
      String(classes.map(shedShare)),
    );
  });

  test(`${name}: at three times capacity they go on working, and critical requests with them`, () => {
    const usual = simulate({ ...app, offered: [0.4, 0, 0], durationMs: 30_000 });
    const durationMs = 60_000;
    const warmUpMs = 5_000;
    const { classes } = simulate({ ...app, offered: [0.4, 1.4, 1.2], durationMs, warmUpMs });
    const answered = classes.reduce((sum, { latenciesMs }) => sum + latenciesMs.length, 0);
    const goodput = answered / ((durationMs - warmUpMs) * (app.workers / app.serviceMs));
    assert.ok(goodput >= 0.8, `goodput ${goodput}`);
    const [critical, normal, sheddable] = classes.map(shedShare);
    const worst = p99(classes[CRITICAL]!.latenciesMs) / p99(usual.classes[CRITICAL]!.latenciesMs);
    assert.ok(worst <= 2, `critical p99 ${worst} times the usual`);
    assert.ok(critical! < 0.1, `critical ${critical}`);
    assert.ok(sheddable! > 0.95, `sheddable ${sheddable}`);
    assert.ok(normal! > critical! && normal! < sheddable!, `default ${normal}`);
  });

  test(`${name}: overload of one class alone still uses them`, () => {
    for (const offered of [
      [3, 0, 0],
      [0, 3, 0],
      [0, 0, 3],
    ] as const) {
      const durationMs = 30_000;
      const warmUpMs = 5_000;
      const { classes } = simulate({ ...app, offered, durationMs, warmUpMs });
      const answered = classes.reduce((sum, { latenciesMs }) => sum + latenciesMs.length, 0);
      const goodput = answered / ((durationMs - warmUpMs) * (app.workers / app.serviceMs));
      assert.ok(goodput >= 0.8, `${offered}: goodput ${goodput}`);
    }
  });
}

test("under overload that lasts, the measure does not drift", () => {
  const simulation = new Simulation();
  const app = { workers: 8, serviceMs: 10 };
  for (let minute = 0; minute < 15; minute++) {
    simulation.run({ ...app, offered: [0.3, 2, 0.7], durationMs: 60_000 });
    assert.ok(simulation.controller.limit <= 3 * app.workers, String(simulation.controller.limit));
  }
});

test("an app that becomes slower gets fewer requests, and as many as before when it recovers", () => {
  const simulation = new Simulation();
  const load = { workers: 8, offered: [0.2, 0.4, 0.1], durationMs: 60_000 } as const;
  simulation.run({ ...load, serviceMs: 10 });
  // Three times as slow: 2.1 times what it can do.
  simulation.run({ ...load, serviceMs: 30, offered: [0.6, 1.2, 0.3] });
  assert.ok(simulation.controller.limit <= 40, String(simulation.controller.limit));
  const [critical, , sheddable] = simulation.classes.map(shedShare);
  assert.ok(critical! < sheddable!);
  simulation.run({ ...load, serviceMs: 10 });
  const shedBefore = simulation.classes.map(({ shed }) => shed);
  simulation.run({ ...load, serviceMs: 10 });
  const shedSince = simulation.classes.map(({ shed }, index) => shed - shedBefore[index]!);
  assert.ok(shedSince[DEFAULT]! + shedSince[SHEDDABLE]! < 100, String(shedSince));
});

test("a class that is unknown is none; what was admitted is given back", () => {
  const controller = new ConcurrencyController(SETTINGS, new SeededPrng(1));
  assert.equal(controller.tryAdmit(DEFAULT, 0), true);
  assert.equal(controller.inFlight, 1);
  controller.release();
  assert.equal(controller.inFlight, 0);
});
