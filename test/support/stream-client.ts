/** Long HTTP/2 streams, as gRPC has them, that are opened again whenever they end; and how each of them ended. */
import http2 from "node:http2";

export interface StreamEnd {
  readonly stream: number;
  readonly messages: number;
  /** Its connection was told to go elsewhere before. */
  readonly hadGoaway: boolean;
  /** From the trailers. */
  readonly grpcStatus: string | undefined;
  /** Neither a status nor GOAWAY: nothing told the client that it may call again. */
  readonly failure: string | undefined;
}

interface Watched {
  /** Messages since `whenAllTick` was called. */
  fresh: number;
}

/** Holds `count` streams of `/Ticker/Watch` open until it is stopped. */
export class StreamClient {
  readonly ends: StreamEnd[] = [];
  readonly goaways: number[] = [];
  readonly #origin: string;
  readonly #streams: Watched[];
  readonly #sessions = new Set<http2.ClientHttp2Session>();
  readonly #waiters = new Set<() => void>();
  #isStopped = false;

  constructor(origin: string, count: number) {
    this.#origin = origin;
    this.#streams = Array.from({ length: count }, () => ({ fresh: 0 }));
    for (const index of this.#streams.keys()) this.#open(index);
  }

  /** Resolves when every stream has brought messages from now on, whether it had to be opened again or not. */
  async whenAllTick(): Promise<void> {
    for (const stream of this.#streams) stream.fresh = 0;
    while (!this.#streams.every(({ fresh }) => fresh >= 3)) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  /** Resolves when each of the streams that are open now has ended, and been opened again. */
  async whenAllReopened(): Promise<void> {
    const from = this.ends.length;
    const ended = (): number => new Set(this.ends.slice(from).map(({ stream }) => stream)).size;
    while (ended() < this.#streams.length) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const session of this.#sessions) session.destroy();
  }

  #open(index: number): void {
    if (this.#isStopped) return;
    const session = http2.connect(this.#origin);
    this.#sessions.add(session);
    let hadGoaway = false;
    let failure: string | undefined;
    let grpcStatus: string | undefined;
    let messages = 0;
    session.on("goaway", (code) => {
      hadGoaway = true;
      this.goaways.push(code);
    });
    session.on("error", (error) => {
      failure = String(error);
    });
    session.on("close", () => this.#sessions.delete(session));
    const stream = session.request({
      ":method": "POST",
      ":path": "/Ticker/Watch",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.end();
    const onFields = (fields: http2.IncomingHttpHeaders): void => {
      const status = fields["grpc-status"];
      if (typeof status === "string") grpcStatus = status;
    };
    stream.on("response", onFields);
    stream.on("trailers", onFields);
    stream.on("data", () => {
      messages += 1;
      this.#tick(index);
    });
    stream.on("error", (error) => {
      failure = String(error);
    });
    stream.on("close", () => {
      session.close();
      if (this.#isStopped) return;
      const isTold = hadGoaway || grpcStatus !== undefined;
      const unexplained = isTold ? undefined : (failure ?? "no status");
      this.ends.push({ stream: index, messages, hadGoaway, grpcStatus, failure: unexplained });
      this.#wake();
      this.#open(index);
    });
  }

  #tick(index: number): void {
    const stream = this.#streams[index];
    if (stream === undefined) return;
    stream.fresh += 1;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}
