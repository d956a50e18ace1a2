/**
 * Runs hostile connections against a proxy and compares what the upstream saw with what may be seen at most:
 * requests that nobody sent, requests seen twice, bodies with other bytes, and answers to other requests.
 */
import { SeededPrng } from "../../src/core/prng.ts";
import { frame } from "../support/http2-frame-recorder.ts";
import { RawClient } from "../support/raw-client.ts";
import { FRAME, RawHttp2Client, requestFields } from "../support/raw-http2-client.ts";
import { headerOf } from "../support/raw-message.ts";
import { SAW, type SeenRequest, type Version } from "./echo-upstream.ts";
import { hostileConnection, REQUEST_ID } from "./hostile-http1.ts";
import { type HostileStream, hostileStream } from "./hostile-http2.ts";
import { readStrictly } from "./strict-http1.ts";

interface Allowed {
  readonly method: string;
  readonly body: string;
}

export interface Outcome {
  /** What the upstream may see at most, by the number in the path. */
  readonly allowed: Map<string, readonly Allowed[]>;
  /** What must not have come to be. */
  readonly faults: string[];
  /** Requests that went through, to show that the proxy did not simply refuse everything. */
  answered: number;
  /** Connections, each a generated input. */
  inputs: number;
}

/** How many streams a hostile HTTP/2 connection has before its good one. */
const STREAMS_MAX = 4;
/** Connections at a time: so many that pooled upstream connections go from hand to hand. */
const CONCURRENCY = 8;
/** Spreads the connections of a run over all seeds. */
const SEED_STEP = 0x9e3779b1;

/** `version` is spoken to the proxy, `upstream` by the proxy. */
export async function attack(
  version: Version,
  upstream: Version,
  port: number,
  seed: number,
  count: number,
): Promise<Outcome> {
  const outcome: Outcome = { allowed: new Map(), faults: [], answered: 0, inputs: 0 };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const number = next++;
      const prng = new SeededPrng(seed ^ Math.imul(number + 1, SEED_STEP));
      outcome.inputs += 1;
      if (version === "HTTP/1.1") await attackHttp1(port, prng, number, outcome);
      else await attackHttp2(port, prng, number, outcome, upstream);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return outcome;
}

/** What of the upstream's list nobody was allowed to send. */
export function extraRequests(outcome: Outcome, seen: readonly SeenRequest[]): readonly string[] {
  const extra: string[] = [];
  const left = new Map([...outcome.allowed].map(([id, allowed]) => [id, [...allowed]]));
  for (const { method, path, body } of seen) {
    const allowed = left.get(idIn(path)) ?? [];
    const at = allowed.findIndex((one) => one.method === method && one.body === body);
    if (at >= 0) allowed.splice(at, 1);
    else extra.push(`${method} ${path} ${JSON.stringify(body)}, of ${JSON.stringify(allowed)}`);
  }
  return extra;
}

function idIn(text: string): string {
  return REQUEST_ID.exec(text)?.[0] ?? "";
}

function allow({ allowed }: Outcome, id: string, request: Allowed): void {
  allowed.set(id, [...(allowed.get(id) ?? []), request]);
}

function allowStream(outcome: Outcome, stream: HostileStream, upstream: Version): void {
  const { id, method, body, isComplete, isHeadMalformed, isEndMalformed, declared } = stream;
  if (isHeadMalformed) return;
  if (isComplete && !isEndMalformed) {
    allow(outcome, id, { method, body });
  } else if (upstream === "HTTP/1.1" && declared !== undefined && declared <= body.length) {
    // The declared bytes were passed on before anybody could know that the end is wrong.
    allow(outcome, id, { method, body: body.slice(0, declared) });
  }
}

async function attackHttp1(
  port: number,
  prng: SeededPrng,
  number: number,
  outcome: Outcome,
): Promise<void> {
  const text = hostileConnection(prng, number);
  const { requests, stop } = readStrictly(text);
  const ids = requests.map(({ target }) => idIn(target));
  for (const [i, { method, body }] of requests.entries()) allow(outcome, ids[i]!, { method, body });
  const client = await RawClient.connect(port);
  client.send(text);
  try {
    for (const [i, { method }] of requests.entries()) {
      const answer = await client.response(method);
      const saw = headerOf(answer, "x-saw");
      if (saw !== undefined) outcome.answered += 1;
      if (saw !== undefined && !saw.includes(ids[i]!)) {
        outcome.faults.push(`${saw} answered ${ids[i]} of ${JSON.stringify(text)}`);
      }
    }
    if (stop !== "incomplete") {
      const { unread } = await client.ending();
      if (unread.includes(SAW)) outcome.faults.push(`${unread} after ${JSON.stringify(text)}`);
    }
  } catch {
    // The proxy refused a request and ended the connection, which it may.
  }
  client.close();
}

async function attackHttp2(
  port: number,
  prng: SeededPrng,
  number: number,
  outcome: Outcome,
  upstream: Version,
): Promise<void> {
  const count = 1 + Math.floor(prng.next() * STREAMS_MAX);
  const streams = Array.from({ length: count }, (_, i) => hostileStream(prng, number, i));
  for (const stream of streams) allowStream(outcome, stream, upstream);
  const lastId = 2 * count + 1;
  const last = `c${number}r99`;
  allow(outcome, last, { method: "GET", body: "" });
  const client = await RawHttp2Client.connect(port);
  // Frames of different streams come mixed, those of one in order.
  const queues = streams.map(({ frames }) => [...frames]);
  while (queues.some((queue) => queue.length > 0)) {
    const queue = queues[Math.floor(prng.next() * queues.length)]!;
    const sent = queue.shift();
    if (sent !== undefined) client.send(sent);
  }
  client.request(lastId, requestFields(`/${last}`));
  const awaited = [...streams.filter(({ isComplete }) => isComplete), { streamId: lastId }];
  await client.until(() => awaited.every(({ streamId }) => client.isOver(streamId)));
  for (const { streamId, id } of [...streams, { streamId: lastId, id: last }]) {
    const body = client.bodyOf(streamId);
    if (!body.startsWith(SAW)) continue;
    outcome.answered += 1;
    if (!body.includes(id)) outcome.faults.push(`${body} answered ${id}, seed ${number}`);
  }
  client.send(frame(FRAME.goaway, 0, 0, Buffer.alloc(8)));
  client.close();
}
