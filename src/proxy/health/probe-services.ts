/** What the health checks of one endpoint share with its cluster. */
import type { CallbackFaults } from "../callback-faults.ts";
import type { Dialer, DialTarget } from "../dialer.ts";
import type { CreateUpstreamConnection } from "../upstream-codec.ts";

export interface ProbeServices {
  readonly clusterName: string;
  readonly isTls: boolean;
  readonly dialer: Dialer;
  readonly createConnection: CreateUpstreamConnection;
  readonly faults: CallbackFaults;
  readonly reusesConnection: boolean;
  /** What the handshake offers, undefined for what the probe speaks. */
  readonly alpn: readonly string[] | undefined;
  /** Where the endpoint is asked, as it is now. */
  readonly target: () => DialTarget;
  /** The endpoint's name for Host and `:authority`, or "". */
  readonly hostname: () => string;
}
