/**
 * The load of a soak run: a steady rate of requests of every kind that a proxy has to clean up behind, among
 * them those that fail and those that are given up.
 */
import http from "node:http";
import http2 from "node:http2";
import WebSocket from "ws";

/** How many of a hundred requests are of each kind. */
const MIX = {
  small: 66,
  echo: 10,
  large: 5,
  fresh: 6,
  http2: 5,
  error: 3,
  cut: 2,
  abort: 2,
  websocket: 1,
} as const;

type Kind = keyof typeof MIX;
/** The end of a request, with what was wrong with it. */
type Done = (problem: string | undefined) => void;

const KINDS: readonly Kind[] = (Object.keys(MIX) as Kind[]).flatMap((kind) =>
  new Array<Kind>(MIX[kind]).fill(kind),
);
const BODY = Buffer.alloc(10_000, "b");
const TICK_MS = 10;
const QUIET_POLL_MS = 20;

export class Load {
  readonly #port: number;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  readonly #session: http2.ClientHttp2Session;
  #timer: NodeJS.Timeout | undefined;
  #underWay = 0;
  requests = 0;
  failures = 0;
  /** How requests failed that were not to, and how often each. */
  readonly failuresBy = new Map<string, number>();

  constructor(port: number) {
    this.#port = port;
    this.#session = http2.connect(`http://127.0.0.1:${port}`);
  }

  start(perSecond: number): void {
    const perTick = (perSecond * TICK_MS) / 1_000;
    let owed = 0;
    this.#timer = setInterval(() => {
      for (owed += perTick; owed >= 1; owed -= 1) this.#send();
    }, TICK_MS);
  }

  /** Resolves when nothing is under way. */
  async pause(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#underWay > 0) await new Promise((done) => setTimeout(done, QUIET_POLL_MS));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
    this.#session.destroy();
  }

  #send(): void {
    const kind = KINDS[this.requests % KINDS.length] ?? "small";
    this.requests += 1;
    this.#underWay += 1;
    const done: Done = (problem) => {
      this.#underWay -= 1;
      if (problem === undefined) return;
      this.failures += 1;
      const failure = `${kind}: ${problem}`;
      this.failuresBy.set(failure, (this.failuresBy.get(failure) ?? 0) + 1);
    };
    if (kind === "http2") this.#sendHttp2(done);
    else if (kind === "websocket") this.#sendWebSocket(done);
    else this.#sendHttp1(kind, done);
  }

  #sendHttp1(kind: Exclude<Kind, "http2" | "websocket">, done: Done): void {
    const isToFail = kind === "cut" || kind === "abort";
    const path =
      kind === "fresh" || kind === "small" ? "/" : kind === "abort" ? "/large" : `/${kind}`;
    const request = http.request({
      ...{ host: "127.0.0.1", port: this.#port, path },
      method: kind === "echo" ? "POST" : "GET",
      agent: kind === "fresh" ? false : this.#agent,
    });
    let isDone = false;
    const finish: Done = (problem) => {
      if (!isDone) done(isToFail ? undefined : problem);
      isDone = true;
    };
    request.on("response", (response) => {
      const expected = kind === "error" ? 500 : 200;
      if (kind === "abort") request.destroy();
      else response.resume();
      response.on("close", () => {
        if (response.statusCode !== expected) finish(`status ${response.statusCode}`);
        else finish(response.complete ? undefined : "the answer broke off");
      });
      response.on("error", () => {});
    });
    request.on("error", (error) => finish(error.message));
    request.end(kind === "echo" ? BODY : undefined);
  }

  #sendHttp2(done: Done): void {
    const stream = this.#session.request({ ":path": "/" });
    let status = 0;
    stream.on("response", (headers) => {
      status = headers[":status"] ?? 0;
    });
    stream.resume();
    stream.on("error", () => {});
    stream.on("close", () => done(status === 200 ? undefined : `status ${status}`));
  }

  #sendWebSocket(done: Done): void {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}/`);
    let problem: string | undefined = "closed without an echo";
    socket.on("open", () => socket.send("ping"));
    socket.on("message", () => {
      problem = undefined;
      socket.close();
    });
    socket.on("error", (error) => {
      problem = error.message;
    });
    socket.on("close", () => done(problem));
  }
}
