/** Long HTTP/2 streams, as gRPC has them, that are opened again whenever they end; and how each of them ended. */
import http2 from "node:http2";

export interface StreamEnd {
  readonly stream: number;
  readonly messages: number;
  /** Its connection was told to go elsewhere before. */
  readonly hadGoaway: boolean;
  /** From the trailers. */
  readonly grpcStatus: string | undefined;
  /** RST_STREAM. */
  readonly resetCode: number | undefined;
  /** Neither trailers nor a reset: the connection broke, or the answer was none of gRPC's. */
  readonly failure: string | undefined;
}

interface Watched {
  count: number;
  /** Messages since `expectMessages` was called. */
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
    this.#streams = Array.from({ length: count }, () => ({ count: 0, fresh: 0 }));
    for (const index of this.#streams.keys()) this.#open(index);
  }

  /** Resolves when every stream has brought messages from now on, whether it had to be opened again or not. */
  async whenAllTick(): Promise<void> {
    for (const stream of this.#streams) stream.fresh = 0;
    while (!this.#streams.every(({ fresh }) => fresh >= 3)) {
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
      const isReset = stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR;
      const isTold = grpcStatus !== undefined || (isReset && !session.destroyed);
      const resetCode = isReset ? stream.rstCode : undefined;
      const unexplained = isTold ? undefined : (failure ?? "no status");
      this.ends.push({
        stream: index,
        messages,
        hadGoaway,
        grpcStatus,
        resetCode,
        failure: unexplained,
      });
      this.#open(index);
    });
  }

  #tick(index: number): void {
    const stream = this.#streams[index];
    if (stream === undefined) return;
    stream.count += 1;
    stream.fresh += 1;
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}
