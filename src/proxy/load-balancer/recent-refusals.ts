/**
 * What the sidecar of an endpoint has refused lately, because its app has enough to do or by a limit. A refusal comes at
 * once, so that an endpoint with too much to do seems to have the least; it would get what another could take, and refuse
 * what matters while another still serves what does not. So what was refused counts as if it were under way.
 */

/** Of an endpoint that never answered. */
const LASTS_MS_LEAST = 1;

export class RecentRefusals {
  #load = 0;
  #atMs = 0;

  /** `latencyMs`: how long the request would have been under way. `nowMs` is monotonic. */
  add(nowMs: number, latencyMs: number): void {
    this.#load = 1 + this.loadAt(nowMs, latencyMs);
    this.#atMs = nowMs;
  }

  /** Requests under way that they stand for. */
  loadAt(nowMs: number, latencyMs: number): number {
    return this.#load * Math.exp((this.#atMs - nowMs) / Math.max(latencyMs, LASTS_MS_LEAST));
  }
}
