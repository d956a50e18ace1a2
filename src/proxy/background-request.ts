/**
 * Requests of the proxy's own: they pass filters, routes and retries like a client's, and their answers go nowhere.
 * What filters make of the answers on their way is all that they are for.
 */
import { BACKGROUND_REQUESTS_MAX } from "../core/limits.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";
import { Exchange } from "./exchange.ts";
import type { BackgroundRequest } from "./filters/filter-services.ts";
import type { HttpServer } from "./http-server.ts";
import type { ServerStream } from "./stream.ts";

/** Of all listeners of a process. */
export class BackgroundRequests {
  #activeCount = 0;

  /** Returns false when there are as many as may be: nothing is sent then. */
  readonly start = (
    server: HttpServer,
    { head, connection, onOver }: BackgroundRequest,
  ): boolean => {
    if (this.#activeCount >= BACKGROUND_REQUESTS_MAX) return false;
    this.#activeCount += 1;
    const stream = new BackgroundStream(connection, () => {
      this.#activeCount -= 1;
      onOver();
      // The exchange says its last word first.
      setImmediate(() => exchange.release());
    });
    const exchange = new Exchange(stream, server);
    exchange.begin(head);
    exchange.onRequestEnd(undefined);
    return true;
  };
}

class BackgroundStream implements ServerStream {
  readonly connection: DownstreamConnection;
  readonly #onOver: () => void;
  #isOver = false;
  requestBytes = 0;
  responseBytes = 0;

  constructor(connection: DownstreamConnection, onOver: () => void) {
    this.connection = connection;
    this.#onOver = onOver;
  }

  closeAfterResponse(): void {}

  sendInterim(): void {}

  sendHead(): void {}

  sendLocal(): void {
    this.#end();
  }

  sendBody(_bytes: Buffer, start: number, end: number): boolean {
    this.responseBytes += end - start;
    return true;
  }

  sendEnd(): void {
    this.#end();
  }

  reset(): void {
    this.#end();
  }

  pauseRequest(): void {}

  resumeRequest(): void {}

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
  }
}
