/** Requests over HTTP/2 at a steady rate, over one connection until its peer says that it goes, then the next. */
import http2 from "node:http2";
import { text } from "node:stream/consumers";

const TICK_MS = 5;
const TRIES_MAX = 5;
/** A machine that is too slow for the rate gets what it can do. */
const UNDER_WAY_MAX = 64;

export interface Http2LoadOptions {
  readonly origin: string;
  readonly perSecond: number;
  readonly headers: http2.OutgoingHttpHeaders;
  /** What is wrong with an answer, if anything is. */
  readonly judge: (
    status: number,
    body: string,
    trailers: http2.IncomingHttpHeaders,
  ) => string | undefined;
}

export class Http2Load {
  readonly failures: string[] = [];
  answered = 0;
  readonly #options: Http2LoadOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #underWay = new Set<Promise<void>>();
  #session: http2.ClientHttp2Session | undefined;
  #sent = 0;
  #skipped = 0;
  readonly #startMs = performance.now();
  #endMs = Number.NaN;

  constructor(options: Http2LoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - this.#startMs) * options.perSecond) / 1000);
      while (this.#sent + this.#skipped < due) {
        if (this.#underWay.size < UNDER_WAY_MAX) this.#begin();
        else this.#skipped += 1;
      }
    }, TICK_MS);
  }

  /** Requests in a second that were sent, from start to stop. */
  get offered(): number {
    return (1000 * this.#sent) / (this.#endMs - this.#startMs);
  }

  /** Resolves when the last answer is there. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#endMs = performance.now();
    await Promise.all(this.#underWay);
    this.#session?.close();
  }

  #begin(): void {
    this.#sent += 1;
    const done = this.#send().then((failure) => {
      this.#underWay.delete(done);
      if (failure === undefined) this.answered += 1;
      else this.failures.push(failure);
    });
    this.#underWay.add(done);
  }

  /** A request that crossed with GOAWAY was never processed: every client sends it again (RFC 9113 section 8.7). */
  async #send(): Promise<string | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#exchange(this.#open());
      } catch (error) {
        const isUnprocessed = /REFUSED_STREAM|GOAWAY_SESSION/.test(`${error} ${codeOf(error)}`);
        if (!isUnprocessed || tries === TRIES_MAX) return String(error);
      }
    }
  }

  #open(): http2.ClientHttp2Session {
    if (this.#session !== undefined && !this.#session.closed) return this.#session;
    const session = http2.connect(this.#options.origin);
    this.#session = session;
    session.on("goaway", () => {
      if (this.#session === session) this.#session = undefined;
      session.close();
    });
    // Each stream tells its own.
    session.on("error", () => {});
    return session;
  }

  async #exchange(session: http2.ClientHttp2Session): Promise<string | undefined> {
    const stream = session.request(this.#options.headers);
    let status = 0;
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on("response", (fields) => {
      status = fields[":status"] ?? 0;
    });
    stream.on("trailers", (fields) => {
      trailers = fields;
    });
    stream.end();
    const body = await text(stream);
    return this.#options.judge(status, body, trailers);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
