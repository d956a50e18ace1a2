/** One HTTP request to a service that the proxy itself asks, with its whole answer. */
import type { RequestHead } from "../http/request-head.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { ServiceCall, type ServiceCallOptions, type ServiceConversation } from "./service-call.ts";
import type { ClientStream } from "./stream.ts";

/** Nothing is told from within `start`. */
export interface HttpCallHandler {
  /** Valid during the call; `onReply` or `onCallFailure` comes behind it. */
  onReplyHead(head: ResponseHead): void;
  /** All of it has come. */
  onReply(body: Buffer): void;
  onCallFailure(reason: string): void;
}

export interface HttpCallOptions extends ServiceCallOptions {
  /** Nobody changes it any more. */
  readonly head: RequestHead;
  readonly target: string;
  readonly authority: string;
  /** Undefined where the head tells of none. */
  readonly body: Buffer | undefined;
  readonly replyBytesMax: number;
}

export class HttpCall implements ServiceConversation {
  readonly isGrpc = false;
  readonly #options: HttpCallOptions;
  readonly #handler: HttpCallHandler;
  readonly #call: ServiceCall;
  readonly #received: Buffer[] = [];
  #receivedBytes = 0;

  constructor(options: HttpCallOptions, handler: HttpCallHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#call = new ServiceCall(options, this);
  }

  /** Returns why the request could not be made, and tells the handler nothing then. */
  start(): string | undefined {
    return this.#call.start();
  }

  /** Nobody waits for the answer any more. The handler is told nothing. */
  cancel(): void {
    this.#call.cancel();
  }

  sendRequest(stream: ClientStream): void {
    const { head, target, authority, body } = this.#options;
    stream.sendHead(head, target, authority);
    if (body !== undefined) stream.sendBody(body, 0, body.length);
    stream.sendEnd(undefined);
  }

  onReplyHead(head: ResponseHead): void {
    this.#handler.onReplyHead(head);
  }

  onReplyBody(bytes: Buffer, start: number, end: number): void {
    this.#receivedBytes += end - start;
    if (this.#receivedBytes <= this.#options.replyBytesMax) {
      this.#received.push(Buffer.from(bytes.subarray(start, end)));
      return;
    }
    this.#call.cancel();
    this.#handler.onCallFailure("the answer is too long");
  }

  onReplyEnd(): void {
    this.#handler.onReply(Buffer.concat(this.#received));
  }

  onNoReply(_why: "timeout" | "upstream", reason: string): void {
    this.#handler.onCallFailure(reason);
  }
}
