/** Zipkin's `POST /api/v2/spans`. */

import type { SpanRecord } from "../../telemetry-record.ts";
import type { ExportTarget, SendOutcome } from "../export-target.ts";
import { type HttpDelivery, HttpSender } from "../http/http-sender.ts";
import { statusOutcome } from "../http/status-outcome.ts";
import { zipkinSpan } from "./zipkin-span.ts";

export function encodeZipkinSpan(span: SpanRecord): Buffer {
  return Buffer.from(JSON.stringify(zipkinSpan(span)));
}

export class ZipkinTarget implements ExportTarget {
  readonly place: string;
  readonly #url: URL;
  readonly #sender: HttpSender;

  constructor(endpoint: string, delivery: HttpDelivery) {
    this.#url = new URL(endpoint);
    this.place = this.#url.href;
    this.#sender = new HttpSender(delivery, { "content-type": "application/json" });
  }

  async send(batch: readonly Buffer[], signal: AbortSignal): Promise<SendOutcome> {
    const answer = await this.#sender.post(this.#url, jsonList(batch), signal);
    return statusOutcome(batch, answer);
  }

  close(): void {
    this.#sender.close();
  }
}

/** Texts of JSON as a list. */
function jsonList(items: readonly Buffer[]): Buffer {
  const comma = Buffer.from(",");
  const parts = items.flatMap((item, index) => (index === 0 ? [item] : [comma, item]));
  return Buffer.concat([Buffer.from("["), ...parts, Buffer.from("]")]);
}
