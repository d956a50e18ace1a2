/** The client's side of a case: sends its bytes over one connection, and reports all that came back. */
import { connect, type Socket } from "node:net";
import { connect as connectTls, type SecureContextOptions } from "node:tls";
import type { OracleCase, Step } from "./case.ts";
import { fieldOf, MessageReader, type RawMessage } from "./message-reader.ts";
import { PROBE_HEADER, type RecordingUpstream } from "./recording-upstream.ts";

/** A proxy that has answered nothing by then never will. */
const ANSWER_MS_MAX = 20_000;
/** The same for copies of a request, which no answer waits for. */
const COPY_MS_MAX = 3_000;

const PROBE = `GET / HTTP/1.1\r\nhost: shop.example\r\n${PROBE_HEADER}: 1\r\n\r\n`;

export interface Target {
  readonly port: number;
  /** What the client shows in a TLS handshake; absent for plain text. */
  readonly tls?: SecureContextOptions;
}

export interface Transcript {
  /** Final and interim responses, in order, the last one maybe incomplete. */
  readonly responses: readonly RawMessage[];
  /**
   * `closed`: the proxy ended the connection, or said that it will. `refused`: it ended the connection without
   * a byte. `unknown`: the case forbids to ask.
   */
  readonly connection: "open" | "closed" | "refused" | "unknown";
}

export async function runCase(
  { id, steps, methods, received = 0, probes = true }: OracleCase,
  target: Target,
  upstream: RecordingUpstream,
): Promise<Transcript> {
  const client = new Client(target, methods ?? [methodOf(steps)]);
  const guard = setTimeout(() => client.fail(`${id}: no answer`), ANSWER_MS_MAX);
  try {
    for (const step of steps) await client.take(step, id, upstream);
    if (!steps.some((step) => "await" in step)) await client.responses(1);
    if (received > 0) await Promise.race([upstream.whenReceived(received), patience()]);
    const { messages } = client;
    return { responses: messages, connection: await client.connectionState(probes) };
  } finally {
    clearTimeout(guard);
    client.destroy();
  }
}

class Client {
  readonly #socket: Socket;
  readonly #reader: MessageReader;
  readonly messages: RawMessage[] = [];
  readonly failed: Promise<never>;
  readonly #fail: (error: Error) => void;
  #finals = 0;
  #interims = 0;
  #awaitedFinals = 0;
  #awaitedInterims = 0;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor({ port, tls }: Target, methods: readonly string[]) {
    const address = { host: "127.0.0.1", port };
    this.#socket =
      tls === undefined
        ? connect(address)
        : connectTls({ ...address, ...tls, rejectUnauthorized: false, minVersion: "TLSv1.3" });
    this.#reader = new MessageReader("response", methods);
    let fail: (error: Error) => void = () => {};
    this.failed = new Promise((_, reject) => {
      fail = reject;
    });
    this.failed.catch(() => {});
    this.#fail = fail;
    this.#reader.onHead = (message) => this.messages.push(message);
    this.#reader.onEnd = (message) => {
      if (isInterim(message)) this.#interims += 1;
      else this.#finals += 1;
      this.#wake();
    };
    this.#socket.on("data", (bytes: Buffer) => this.#reader.feed(bytes));
    this.#socket.on("error", () => {});
    this.#socket.on("end", () => this.#reader.finish());
    this.#socket.on("close", () => this.#end());
    this.#socket.on("end", () => this.#end());
  }

  fail(message: string): void {
    this.#fail(
      new Error(`${message}; got ${JSON.stringify(this.messages.map((m) => m.startLine))}`),
    );
  }

  async take(step: Step, id: string, upstream: RecordingUpstream): Promise<void> {
    if ("send" in step) {
      const { send } = step;
      this.#socket.write(
        typeof send === "string" ? Buffer.from(send.replaceAll("{case}", id), "latin1") : send,
      );
    } else if ("end" in step) {
      this.#socket.end();
    } else if ("awaitUpstream" in step) {
      await Promise.race([upstream.whenReceived(step.awaitUpstream), this.failed]);
    } else if (step.await === "interim") {
      this.#awaitedInterims += 1;
      await this.#until(() => this.#interims >= this.#awaitedInterims || this.#finals > 0);
    } else {
      await this.responses(1);
    }
  }

  /** Waits for so many more final responses, or the end. */
  async responses(count: number): Promise<void> {
    this.#awaitedFinals += count;
    await this.#until(() => this.#finals >= this.#awaitedFinals);
  }

  async connectionState(probes: boolean): Promise<Transcript["connection"]> {
    if (this.messages.length === 0 && this.#isEnded) return "refused";
    if (this.#isEnded || this.messages.some(announcesClose)) return "closed";
    if (!probes) return "unknown";
    const count = this.messages.length;
    this.#socket.write(PROBE);
    await this.#until(() => this.messages.length > count);
    // The answer to the probe says only that there is one.
    return this.messages.splice(count).length > 0 ? "open" : "closed";
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone() && !this.#isEnded) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, this.failed]);
    }
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake();
  }
}

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, COPY_MS_MAX).unref());
}

function isInterim({ startLine }: RawMessage): boolean {
  return / 1\d\d\b/.test(startLine);
}

function announcesClose(message: RawMessage): boolean {
  return fieldOf(message, "connection")?.toLowerCase() === "close";
}

function methodOf(steps: readonly Step[]): string {
  const [first] = steps;
  const text = first !== undefined && "send" in first ? first.send.toString("latin1") : "";
  return text.split(" ", 1)[0] ?? "GET";
}
