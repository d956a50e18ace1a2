/**
 * `_bulk` of Elasticsearch, OpenSearch and what has it. Each document is created under an id of its own, so that one that is
 * sent again is found to be there already and not kept twice.
 */
import { randomBytes } from "node:crypto";
import { type ExportTarget, retryAll, type SendOutcome } from "../export-target.ts";
import { type HttpAnswer, type HttpDelivery, HttpSender } from "../http/http-sender.ts";
import { reasonOf, statusOutcome } from "../http/status-outcome.ts";
import type { LogLine } from "../log-document.ts";
import { ecsDocument } from "./ecs-document.ts";

const ID_BYTES = 15;
/** Of items: what is full or not there yet may be tried again; what does not fit the mapping may not. */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);
/** version_conflict_engine_exception: it came through the first time. */
const CONFLICT = 409;

/** The line of the action and that of the document. `index`: an index, an alias or a data stream, which takes `create` only. */
export function encodeBulkItem(line: LogLine, index: string): Buffer {
  const action = { create: { _index: index, _id: randomBytes(ID_BYTES).toString("base64url") } };
  return Buffer.from(`${JSON.stringify(action)}\n${JSON.stringify(ecsDocument(line))}\n`);
}

export class BulkTarget implements ExportTarget {
  readonly place: string;
  readonly #url: URL;
  readonly #sender: HttpSender;

  constructor(endpoint: string, delivery: HttpDelivery) {
    this.#url = new URL(`${endpoint.replace(/\/+$/, "")}/_bulk`);
    this.place = this.#url.href;
    this.#sender = new HttpSender(delivery, {
      "content-type": "application/x-ndjson",
      accept: "application/json",
    });
  }

  async send(batch: readonly Buffer[], signal: AbortSignal): Promise<SendOutcome> {
    const answer = await this.#sender.post(this.#url, Buffer.concat(batch), signal);
    if (answer.status !== 200) return statusOutcome(batch, answer);
    return itemOutcome(batch, answer);
  }

  close(): void {
    this.#sender.close();
  }
}

interface BulkAnswer {
  readonly errors?: unknown;
  readonly items?: readonly Readonly<Record<string, BulkItem>>[];
}

interface BulkItem {
  readonly status?: number;
  readonly error?: { readonly type?: string; readonly reason?: string } | string;
}

/** 200 says that the request was read; each item has a status of its own. */
function itemOutcome(batch: readonly Buffer[], answer: HttpAnswer): SendOutcome {
  const { errors, items = [] } = parsed(answer.body);
  if (errors === false) return { kind: "done", rejected: 0, reason: "" };
  if (items.length !== batch.length) {
    // Not what _bulk answers: a proxy's page, perhaps.
    return retryAll(`no answer of _bulk: ${reasonOf(answer)}`);
  }
  const indices: number[] = [];
  let [rejected, reason] = [0, ""];
  for (const [index, item] of items.entries()) {
    const [one = {}] = Object.values(item);
    const { status = 0 } = one;
    if ((status >= 200 && status < 300) || status === CONFLICT) continue;
    reason ||= `item status ${status}: ${errorText(one.error)}`;
    if (RETRYABLE.has(status)) indices.push(index);
    else rejected += 1;
  }
  if (indices.length === 0) return { kind: "done", rejected, reason };
  return { kind: "retry", indices, rejected, reason, afterMs: answer.afterMs };
}

function errorText(error: BulkItem["error"]): string {
  if (typeof error === "string") return error.slice(0, 300);
  return `${error?.type ?? ""} ${error?.reason ?? ""}`.trim().slice(0, 300);
}

function parsed(body: Buffer): BulkAnswer {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
