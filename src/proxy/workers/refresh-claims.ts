/** Which worker refreshes which session, and what came of it a moment ago: as the coordinator has it. */
import { Refreshes, type RefreshResult } from "../oidc/refreshes.ts";
import type { RefreshClaim, RefreshEnd } from "../oidc/shared-refreshes.ts";

export class RefreshClaims {
  readonly #refreshes = new Refreshes();
  readonly #nowMs: () => number;
  /** By key, the worker that refreshes. */
  readonly #claimedBy = new Map<string, number>();

  /** Monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  claim(worker: number, key: string): RefreshClaim | Promise<RefreshClaim> {
    return new Promise((resolve) => {
      const onEnd = (session: RefreshResult): void => resolve({ kind: "done", session });
      const joined = this.#refreshes.join(key, this.#nowMs(), onEnd);
      if (joined === "none") {
        this.#refreshes.begin(key, nobody);
        this.#claimedBy.set(key, worker);
        resolve({ kind: "yours" });
      } else if (joined !== "waiting") onEnd(joined.session);
    });
  }

  end({ key, session, isFinal }: RefreshEnd): void {
    this.#claimedBy.delete(key);
    this.#refreshes.end(key, session, this.#nowMs(), isFinal);
  }

  /** Nobody tells what came of what it has claimed: whoever waits logs in anew. */
  onDied(worker: number): void {
    for (const [key, owner] of this.#claimedBy) {
      if (owner === worker) this.end({ key, session: undefined, isFinal: false });
    }
  }
}

function nobody(): void {
  // The worker that has the claim knows by itself.
}
