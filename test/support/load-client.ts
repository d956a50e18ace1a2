/**
 * Sends requests and keeps what came of each: at a steady rate whatever the answers (an open loop hides no
 * pause), or a number of them as fast as answers come. Every request has an id that the app's journal shows.
 */
import { randomUUID } from "node:crypto";
import { Agent, type IncomingMessage, request as startRequest } from "node:http";
import { text } from "node:stream/consumers";

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
}

export interface RequestPlan {
  readonly method: "GET" | "POST";
  /** Sent with POST. */
  readonly body?: string;
  /** How long the app takes to answer, milliseconds. */
  readonly appDelayMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What came of one request. Times are milliseconds of `Date.now`, which the app's journal uses too. */
export interface Outcome {
  readonly id: string;
  readonly method: "GET" | "POST";
  readonly startMs: number;
  readonly endMs: number;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly instance: string;
  readonly version: string;
  /** Why it counts as failed, or undefined. */
  readonly failure: string | undefined;
}

/** No answer after this time is a failure: nothing here takes more than milliseconds. */
const ANSWER_TIMEOUT_MS = 15_000;

export class LoadClient {
  readonly target: LoadOptions;
  readonly #loads: SteadyLoad[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });

  constructor(options: LoadOptions) {
    this.target = options;
  }

  /** Ends every load and connection, also after a failed test. */
  close(): void {
    for (const load of this.#loads) void load.stop();
    this.#agent.destroy();
  }

  /** Never rejects. */
  async send(plan: RequestPlan = { method: "GET" }): Promise<Outcome> {
    const { method } = plan;
    const id = randomUUID();
    const startMs = Date.now();
    try {
      const answer = await this.#exchange(id, plan);
      const body = await text(answer);
      const status = answer.statusCode ?? 0;
      const { instance = "", version = "" } = status === 200 ? JSON.parse(body) : {};
      const failure = status === 200 ? undefined : `${status} ${body.trim()}`;
      return { id, method, startMs, endMs: Date.now(), status, instance, version, failure };
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      const nobody = { status: 0, instance: "", version: "" };
      return { id, method, startMs, endMs: Date.now(), ...nobody, failure };
    }
  }

  /** `count` requests, `concurrency` of them at any time. */
  async burst(count: number, concurrency: number, plan?: RequestPlan): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let left = count;
    const work = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        outcomes.push(await this.send(plan));
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    return outcomes;
  }

  /** Sends at a steady rate, taking `plans` in turn, until it is stopped. */
  steady(perSecond: number, plans: readonly RequestPlan[] = [{ method: "GET" }]): SteadyLoad {
    const load = new SteadyLoad(this, perSecond, plans);
    this.#loads.push(load);
    return load;
  }

  #exchange(id: string, plan: RequestPlan): Promise<IncomingMessage> {
    const { method, body = "", appDelayMs = 0, headers = {} } = plan;
    return new Promise((resolve, reject) => {
      const outgoing = startRequest({
        ...this.target,
        method,
        agent: this.#agent,
        path: "/",
        headers: {
          ...headers,
          "x-test-id": id,
          "x-test-delay": String(appDelayMs),
          ...(method === "POST" ? { "content-length": String(Buffer.byteLength(body)) } : {}),
        },
        timeout: ANSWER_TIMEOUT_MS,
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
      outgoing.on("error", reject);
      outgoing.on("response", resolve);
      outgoing.end(body);
    });
  }
}

const TICK_MS = 5;
/** A machine that is too slow for the rate gets what it can do: a request beyond that is not sent, and not made up for. */
const UNDER_WAY_MAX = 256;

/** Requests under way at a steady rate. */
export class SteadyLoad {
  readonly outcomes: Outcome[] = [];
  /** Requests that were due and not sent. */
  skipped = 0;
  readonly #underWay = new Set<Promise<void>>();
  readonly #client: LoadClient;
  readonly #plans: readonly RequestPlan[];
  readonly #timer: NodeJS.Timeout;
  readonly #waiters = new Set<{
    readonly fits: (outcome: Outcome) => boolean;
    readonly resolve: (outcome: Outcome) => void;
  }>();
  #sent = 0;
  readonly #startMs = performance.now();
  #endMs = Number.NaN;

  constructor(client: LoadClient, perSecond: number, plans: readonly RequestPlan[]) {
    this.#client = client;
    this.#plans = plans;
    const catchUp = (): void => {
      const due = 1 + Math.floor(((performance.now() - this.#startMs) * perSecond) / 1000);
      while (this.#sent + this.skipped < due) {
        if (this.#underWay.size < UNDER_WAY_MAX) this.#sendOne();
        else this.skipped += 1;
      }
    };
    catchUp();
    this.#timer = setInterval(catchUp, TICK_MS);
  }

  get failures(): readonly Outcome[] {
    return this.outcomes.filter(({ failure }) => failure !== undefined);
  }

  /** Requests in a second that were sent, from start to stop. */
  get offered(): number {
    return (1000 * this.#sent) / (this.#endMs - this.#startMs);
  }

  /** Resolves with the next outcome that fits. */
  next(fits: (outcome: Outcome) => boolean = () => true): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#waiters.add({ fits, resolve });
    });
  }

  /** Resolves with every outcome once the last answer is there. */
  async stop(): Promise<readonly Outcome[]> {
    clearInterval(this.#timer);
    this.#endMs = performance.now();
    await Promise.all(this.#underWay);
    return this.outcomes;
  }

  #sendOne(): void {
    const plan = this.#plans[this.#sent % this.#plans.length];
    this.#sent += 1;
    const done = this.#client.send(plan).then((outcome) => {
      this.#underWay.delete(done);
      this.outcomes.push(outcome);
      for (const waiter of this.#waiters) {
        if (!waiter.fits(outcome)) continue;
        this.#waiters.delete(waiter);
        waiter.resolve(outcome);
      }
    });
    this.#underWay.add(done);
  }
}

/** `v1 90.2 %, v2 9.8 %` of those that were answered. */
export function shares(outcomes: readonly Outcome[]): string {
  const counts = new Map<string, number>();
  const answered = outcomes.filter(({ failure }) => failure === undefined);
  for (const { version } of answered) counts.set(version, (counts.get(version) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, count]) => `${version} ${((100 * count) / answered.length).toFixed(2)} %`)
    .join(", ");
}

/** The percentage of answers that came from `version`. */
export function shareOf(outcomes: readonly Outcome[], version: string): number {
  const answered = outcomes.filter(({ failure }) => failure === undefined);
  return (100 * answered.filter((outcome) => outcome.version === version).length) / answered.length;
}

/** `5000 requests, 0 failed, slowest 31 ms`, and the first failures. */
export function summary(outcomes: readonly Outcome[]): string {
  const failed = outcomes.filter(({ failure }) => failure !== undefined);
  const slowest = outcomes.reduce((most, { startMs, endMs }) => Math.max(most, endMs - startMs), 0);
  const examples = failed
    .slice(0, 5)
    .map(
      ({ method, startMs, endMs, failure }) =>
        `\n  ${method} ${startMs}+${endMs - startMs}: ${failure}`,
    );
  return `${outcomes.length} requests, ${failed.length} failed, slowest ${slowest} ms${examples.join("")}`;
}
