/** How much of the queue to the store's thread a message takes, in bytes; records are estimated. */
import type { StoreRequest } from "./store-protocol.ts";

const LOG_BYTES = 1500;
const SPAN_BYTES = 1500;
const EVENT_BYTES = 500;

export function requestWeight(request: StoreRequest): number {
  switch (request.kind) {
    case "metrics":
      return request.bytes.length;
    case "logs":
      return request.logs.length * LOG_BYTES;
    case "spans":
      return request.spans.length * SPAN_BYTES;
    case "events":
      return request.events.length * EVENT_BYTES;
    case "question":
    case "close":
      return 0;
  }
}
