/** The request of an HTTP health check, and what its answer means. */
import { applyMutations } from "../../decision/header-mutation.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { BODY_LENGTH, RequestHead } from "../../http/request-head.ts";
import type { ResponseHead } from "../../http/response-head.ts";
import type { HttpProbeSettings, StatusRange } from "../config/probe-config.ts";
import { badAnswer, containsInOrder } from "./probe.ts";
import type { ProbeServices } from "./probe-services.ts";
import type { ProbeRequest, ProbeVerdict } from "./request-probe.ts";

/** Envoy's: apps tell health checks by it. */
export const PROBE_USER_AGENT = new HeaderField(new HeaderName("user-agent"), "Envoy/HC");

export class HttpProbeRequest implements ProbeRequest {
  readonly codec: HttpProbeSettings["codec"];
  readonly head = new RequestHead();
  readonly target: string;
  readonly authority: string;
  readonly body: Buffer;
  readonly #settings: HttpProbeSettings;
  #status = 0;
  #isDegraded = false;
  #cluster = "";
  #received: Buffer[] = [];
  #receivedBytes = 0;

  constructor(settings: HttpProbeSettings, { clusterName, isTls }: ProbeServices) {
    this.#settings = settings;
    this.codec = settings.codec;
    this.target = settings.path;
    this.authority = settings.host || clusterName;
    this.body = settings.body;
    const { head } = this;
    head.method = settings.method;
    head.target = settings.path;
    head.scheme = isTls ? "https" : "http";
    head.headers.add(PROBE_USER_AGENT);
    applyMutations(settings.mutations, head.headers, "HTTP/1.1");
    if (settings.body.length === 0) return;
    head.bodyKind = BODY_LENGTH;
    head.contentLength = settings.body.length;
  }

  onHead({ status, headers }: ResponseHead): void {
    this.#status = status;
    this.#isDegraded = headers.get("x-envoy-degraded") !== undefined;
    this.#cluster = headers.get("x-envoy-upstream-healthchecked-cluster") ?? "";
    this.#received = [];
    this.#receivedBytes = 0;
  }

  onBody(bytes: Buffer, start: number, end: number): void {
    const { receive, bodyBytesMax } = this.#settings;
    if (receive.length === 0) return;
    const kept = Math.min(end - start, bodyBytesMax - this.#receivedBytes);
    if (kept <= 0) return;
    this.#receivedBytes += kept;
    this.#received.push(Buffer.from(bytes.subarray(start, start + kept)));
  }

  judge(): ProbeVerdict {
    const { receive, expected, retriable, isRightCluster } = this.#settings;
    if (receive.length > 0 && !containsInOrder(Buffer.concat(this.#received), receive)) {
      return badAnswer("the body is not the expected one");
    }
    const status = this.#status;
    if (!isWithin(status, expected)) {
      return badAnswer(`status ${status}`, isWithin(status, retriable));
    }
    if (isRightCluster !== undefined && !isRightCluster(this.#cluster)) {
      return badAnswer(`it belongs to the cluster "${this.#cluster}"`);
    }
    return this.#isDegraded ? "degraded" : "passed";
  }
}

function isWithin(status: number, ranges: readonly StatusRange[]): boolean {
  return ranges.some(({ start, end }) => status >= start && status < end);
}
