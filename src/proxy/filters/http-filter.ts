/**
 * What stands between a request and its route: one filter for each entry of a listener's `http_filters` before
 * the router, in their order. A filter is made when configuration arrives and serves all requests of its listener.
 */
import type { FilterRule } from "../../decision/filters/filter-rule.ts";
import type { RouteMatchResult } from "../../decision/route-table.ts";
import type { HeaderBlock } from "../../http/header-block.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import type { FaultOwner } from "../callback-faults.ts";
import type { LocalReply } from "../local-reply.ts";
import type { RequestOutcome } from "../request-outcome.ts";
import type { RoutedRequest } from "../routed-request.ts";
import type { ServerStream } from "../stream.ts";

/** The next filter, and behind the last one the route. */
export const GO_ON = 0;
/** The filter has answered: neither other filters nor an upstream see the request. */
export const ANSWERED = 1;
/** The filter calls `proceed` or `answer` later. What comes of the body meanwhile is held, within bounds. */
export const WAITS = 2;

export type FilterVerdict = typeof GO_ON | typeof ANSWERED | typeof WAITS;

export interface HttpFilter {
  /** Throws nothing. Its own state must not grow with requests. */
  onRequest(call: FilterCall): FilterVerdict;
  /** Asked about tunnels that are open when configuration changes, by filters that decide who gets in. Undefined: it may stay. */
  judgeTunnel?(
    request: RoutedRequest,
    outcome: RequestOutcome,
    ofRoute: FilterRule | undefined,
  ): TunnelDenial | undefined;
}

/** Why a tunnel is cut. */
export interface TunnelDenial {
  readonly details: string;
  /** A sentence for the log. */
  readonly reason: string;
}

/** Changes the heads of answers, the proxy's own included. */
export interface ResponseEditor {
  editResponse(status: number, headers: HeaderBlock): void;
}

/** Changes the body of a request on its way. */
export interface RequestTransform {
  /** Undefined when the bytes are malformed. The result may be empty. */
  decode(bytes: Buffer, start: number, end: number): Buffer | undefined;
  /** Whether the request may end here. */
  readonly isRequestWhole: boolean;
  /** A sentence for the client whose bytes are malformed. */
  readonly malformedReason: string;
}

/** Something that a filter does while a request waits. */
export interface FilterWait {
  /** The request has ended: neither `proceed` nor `answer` is to be called any more. */
  cancel(): void;
}

/** Told when a request is over, whatever came of it. */
export interface EndWatcher {
  onRequestEnd(): void;
}

/** What comes behind a delay of a request. */
export interface DelayHandler {
  /** Calls `proceed` or one of the answers. */
  onDelayOver(call: FilterCall): void;
  /** The request has ended before. */
  onDelayCancelled(): void;
}

/**
 * A stream of a filter's own that may keep bytes of the answer back and hand them on later. While it does, its
 * `sendBody` returns false when it wants no more; `resumeAnswer` tells that there is room again.
 */
export interface HoldingStream extends ServerStream {
  /** The end has come, and has not been handed on: the request is over only behind `onAnswerSent`. */
  readonly isHolding: boolean;
  /** The stream behind has room again. Returns whether this one has, too. */
  onDrain(): boolean;
  /** The request is over: nothing is to be handed on any more. Called once. */
  release(): void;
}

/** Where the body of a request goes. */
export interface RequestSink {
  /** Returns false when its source must pause. The range is valid only during the call; the request may be over behind it. */
  take(bytes: Buffer, start: number, end: number): boolean;
  /** The request is complete. */
  takeEnd(trailers: HeaderBlock | undefined): void;
}

/** The way of a request around what paces it. */
export interface RequestPath {
  /** Behind a `take` that returned false its `onRoom` is called. */
  readonly next: RequestSink;
  /** Behind a `take` of the pacer's own that returned false: the client may send again. */
  resume(): void;
}

/** Keeps bytes of a request's body back and hands them on later. */
export interface RequestPacer extends RequestSink {
  /** The path behind has room again. */
  onRoom(): void;
  /** The request is over: nothing is to be handed on any more. Called once. */
  release(): void;
}

/** One request, as a filter has it. Valid until the filter has answered or gone on; for streams, until `release`. */
export interface FilterCall {
  readonly request: RoutedRequest;
  readonly outcome: RequestOutcome;
  /** Undefined where no route takes the request, which is answered with 404 behind the filters. */
  readonly match: RouteMatchResult | undefined;
  /** The cluster that the request will go to unless its route is chosen anew, or "" where it goes to none. */
  readonly cluster: string;
  /** What ends when a callback that the filter has registered elsewhere throws: see `guarded`. */
  readonly faults: FaultOwner;
  /** What the request's route says to the filter: a rule instead of the listener's, or undefined. */
  readonly ofRoute: FilterRule | undefined;
  /** Answers instead of an upstream. */
  answer(reply: LocalReply, reason: string): void;
  /** The same for answers that are no table's: a whole response. */
  answerWith(status: number, details: string, headers: HeaderBlock, body: string): void;
  /** The same with a body of any size, which a stream that the filter has put before (`hold`) sends behind its end. */
  answerStored(head: ResponseHead, details: string): void;
  /** Breaks the client's stream off instead of an answer. `flag` is an index into RESPONSE_FLAGS. */
  reset(flag: number, details: string): void;
  /** Before WAITS is returned, or in `onDelayOver`: the handler has the call back after so many milliseconds. */
  delay(ms: number, handler: DelayHandler): void;
  /** To be called before WAITS is returned. */
  waitFor(wait: FilterWait): void;
  /** Behind WAITS: the request goes on. */
  proceed(): void;
  /** Changes what the client gets in the end, whoever answers. */
  editResponse(editor: ResponseEditor): void;
  /** The watcher is told once, when the request is over. */
  watchEnd(watcher: EndWatcher): void;
  /** Puts a stream of the filter's own before the one that the answer is written to. */
  intercept(wrap: (next: ServerStream) => ServerStream): void;
  /** The same for a stream that keeps bytes back. */
  hold(wrap: (next: ServerStream) => HoldingStream): void;
  /** A stream that returned false has room again. */
  resumeAnswer(stream: HoldingStream): void;
  /** A stream that was holding has handed on everything, its end included. */
  onAnswerSent(): void;
  /** Puts something before the request's body that decides when it goes on; of several the last comes first. */
  pace(wrap: (path: RequestPath) => RequestPacer): void;
  /** Tells a client that waits for it to send its body (100 Continue): the filter wants to see it before an upstream does. */
  continueRequest(): void;
  /** Changes the request's body. Of several filters the last holds. */
  transformRequest(transform: RequestTransform): void;
  /** Chooses the route anew, for filters that have changed what routes look at. */
  reroute(): void;
}
