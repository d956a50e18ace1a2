/**
 * A connection to Redis for commands that may be lost but never repeated. Commands of one turn leave together and are
 * answered in order. While there is no connection they fail at once, and a new one is tried in growing intervals.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Backoff } from "../../core/backoff.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import type { Component } from "../../core/component.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { RedisAddress } from "./redis-address.ts";
import { RedisError, type RedisReply, RedisReplyReader } from "./redis-replies.ts";

/** Without an answer for so long, and half of it more, the connection is over. */
const ANSWER_MS_MAX = 1_000;
/** Commands that wait for their answer. More means that Redis cannot keep up. */
const PENDING_MAX = 10_000;
const BACKOFF = { baseMs: 100, maxMs: 5_000 };

interface Pending {
  readonly sentAtMs: number;
  readonly resolve: (reply: RedisReply) => void;
  readonly reject: (error: Error) => void;
}

export interface RedisClientOptions {
  readonly address: RedisAddress;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

export class RedisClient implements Component {
  readonly name = "Redis client";
  readonly #options: RedisClientOptions;
  readonly #backoff: Backoff;
  #socket: Socket | undefined;
  #isReady = false;
  #isStopped = false;
  /** What went wrong is logged once until it is right again. */
  #isReported = false;
  #pending: Pending[] = [];
  #lines: string[] = [];
  #timer: Timer | undefined;
  #watch: Timer | undefined;

  constructor(options: RedisClientOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ ...BACKOFF, prng: options.prng });
  }

  /** Does not wait for Redis: the mesh runs without it. */
  start(): Promise<void> {
    this.#connect();
    this.#watchAnswers();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#watch?.cancel();
    this.#socket?.destroy();
    return Promise.resolve();
  }

  /** Rejects with a `RedisError` when Redis refuses the command, else when there is no connection or it breaks. */
  call(words: readonly string[]): Promise<RedisReply> {
    if (!this.#isReady) return Promise.reject(new Error("Redis is not connected"));
    if (this.#pending.length >= PENDING_MAX) return Promise.reject(new Error("Redis is too slow"));
    return this.#send(words);
  }

  #send(words: readonly string[]): Promise<RedisReply> {
    if (this.#lines.length === 0) queueMicrotask(() => this.#flush());
    this.#lines.push(serialize(words));
    return new Promise((resolve, reject) => {
      this.#pending.push({ sentAtMs: this.#options.clock.monotonicMs(), resolve, reject });
    });
  }

  #flush(): void {
    this.#socket?.write(this.#lines.join(""));
    this.#lines = [];
  }

  #connect(): void {
    const { host, port, isTls } = this.#options.address;
    const reader = new RedisReplyReader();
    const socket = isTls
      ? connectTls({ host, port, servername: host })
      : connectTcp({ host, port, noDelay: true });
    this.#socket = socket;
    let cause = "the connection was closed";
    socket.once(isTls ? "secureConnect" : "connect", () => void this.#greet(socket));
    socket.on("error", (error) => {
      cause = messageOf(error);
    });
    socket.on("data", (bytes: Buffer) => {
      try {
        for (const reply of reader.push(bytes)) this.#onReply(reply);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
    socket.once("close", () => this.#onClosed(cause));
  }

  async #greet(socket: Socket): Promise<void> {
    const { username, password, database } = this.#options.address;
    try {
      if (password !== "") {
        await this.#send(username === "" ? ["AUTH", password] : ["AUTH", username, password]);
      }
      if (database !== 0) await this.#send(["SELECT", String(database)]);
      await this.#send(["PING"]);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : undefined);
      return;
    }
    this.#isReady = true;
    this.#backoff.reset();
    if (this.#isReported) this.#options.log.info("Redis answers again", this.#where());
    this.#isReported = false;
  }

  #onReply(reply: RedisReply): void {
    const pending = this.#pending.shift();
    if (reply instanceof RedisError) pending?.reject(reply);
    else pending?.resolve(reply);
  }

  #onClosed(cause: string): void {
    this.#isReady = false;
    this.#socket = undefined;
    const pending = this.#pending;
    this.#pending = [];
    this.#lines = [];
    for (const { reject } of pending) reject(new Error(`Redis: ${cause}`));
    if (this.#isStopped) return;
    if (!this.#isReported) {
      const message = "Redis cannot be reached; global rate limits are not counted meanwhile";
      this.#options.log.error(message, { ...this.#where(), error: cause });
    }
    this.#isReported = true;
    this.#timer = this.#options.clock.schedule(this.#backoff.nextMs(), () => this.#connect());
  }

  /** A process that stood still itself has an answer unread: what is late is looked at once more, after the sockets. */
  #watchAnswers(suspect?: Pending): void {
    this.#watch = this.#options.clock.schedule(ANSWER_MS_MAX / 2, () => {
      const oldest = this.#pending[0];
      const waitedMs = this.#options.clock.monotonicMs() - (oldest?.sentAtMs ?? Infinity);
      const late = waitedMs > ANSWER_MS_MAX ? oldest : undefined;
      if (late !== undefined && late === suspect) {
        this.#socket?.destroy(new Error("no answer in time"));
      }
      this.#watchAnswers(late);
    });
  }

  #where(): { readonly address: string } {
    const { host, port } = this.#options.address;
    return { address: `${host}:${port}` };
  }
}

/** An array of bulk strings. */
function serialize(words: readonly string[]): string {
  const bulk = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${bulk.join("")}`;
}
