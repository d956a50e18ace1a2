/** What is known about one TCP connection: filled in while it lives, read by metrics and the access log. */
import type { ServiceLabels } from "../telemetry/request-metrics.ts";
import { FLAG } from "../telemetry/response-flag.ts";
import type { TcpSeries } from "../telemetry/tcp-metrics.ts";
import type { ConnectionIdentity } from "./downstream-connection.ts";
import type { Endpoint } from "./endpoint.ts";

export class TcpOutcome {
  readonly connection: ConnectionIdentity;
  /** Monotonic milliseconds. */
  readonly startMs: number;
  clusterName = "";
  service: ServiceLabels | undefined;
  endpoint: Endpoint | undefined;
  /** What it counts in while it is open. */
  series: TcpSeries | undefined;
  attempts = 0;
  /** Index into RESPONSE_FLAGS. */
  flag: number = FLAG.none;
  failureReason = "";
  /** Why this proxy closed it before it was opened, in Envoy's words. */
  terminationDetails = "";
  /** From the client. */
  bytesReceived = 0;
  /** To the client. */
  bytesSent = 0;

  constructor(connection: ConnectionIdentity, startMs: number) {
    this.connection = connection;
    this.startMs = startMs;
  }
}
