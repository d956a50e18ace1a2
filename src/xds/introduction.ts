/**
 * Whether a client on a new stream has said all that it wants. Requests of different types come one after the
 * other; before the last one it would look as if the client had everything, and as if clusters that its routes
 * still use could go.
 */
import { INTRODUCTION_MS_MAX } from "./limits.ts";
import { LISTENER_TYPE_URL, ROUTE_TYPE_URL } from "./type-urls.ts";

export class Introduction {
  readonly #types = new Set<string>();
  #isReconnect = false;
  #startMs: number | undefined;

  /** The first request of a type. `hasState`: the client says that it has resources from an earlier stream. */
  note(typeUrl: string, hasState: boolean, nowMs: number): void {
    this.#startMs ??= nowMs;
    this.#types.add(typeUrl);
    this.#isReconnect ||= hasState;
  }

  /**
   * A new client asks for listeners last, and for the routes that they name before it acknowledges them; one
   * that comes back asks for everything in a burst. Who asks for neither is taken for complete after a while.
   */
  isOver(nowMs: number): boolean {
    if (this.#startMs === undefined) return false;
    if (nowMs - this.#startMs >= INTRODUCTION_MS_MAX) return true;
    const hasListeners = this.#types.has(LISTENER_TYPE_URL);
    return hasListeners && (!this.#isReconnect || this.#types.has(ROUTE_TYPE_URL));
  }

  /** A client that has nothing from an earlier stream cannot lose it. */
  mayRemoveClusters(nowMs: number): boolean {
    return !this.#isReconnect || this.isOver(nowMs);
  }
}
