/** What HTTP filters are made with. */
import type { Prng } from "../../core/prng.ts";
import type { TimerWheel } from "../../core/timer-wheel.ts";
import type { RequestHead } from "../../http/request-head.ts";
import type { CallbackFaults } from "../callback-faults.ts";
import type { Cluster } from "../cluster.ts";
import type { DownstreamConnection } from "../downstream-connection.ts";
import type { SharedRefreshes } from "../oidc/shared-refreshes.ts";
import type { FilterMetrics } from "./filter-metrics.ts";

export interface FilterServices {
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Since the epoch. */
  readonly wallMs: () => number;
  readonly prng: Prng;
  /** Fine ticks. What is armed here must be disarmed when its request ends. */
  readonly timers: TimerWheel;
  readonly metrics: FilterMetrics;
  /** For calls of the proxy's own. */
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly faults: CallbackFaults;
  /** Processes that share the proxy's traffic: each has its part of what is limited. */
  readonly workers: number;
  /** Over the workers of the proxy; undefined without any. */
  readonly sharedRefreshes: SharedRefreshes | undefined;
  /** Sends a request of the proxy's own. Returns false when there are too many. */
  readonly requestInBackground: (request: BackgroundRequest) => boolean;
}

/** A request without a body, whose answer is for the filters on its way alone. */
export interface BackgroundRequest {
  /** Its own, and nobody else's. */
  readonly head: RequestHead;
  /** Of the client that it is sent for: what filters know of it holds for this request, too. */
  readonly connection: DownstreamConnection;
  /** Called once, when the answer is complete or there is none. */
  readonly onOver: () => void;
}
