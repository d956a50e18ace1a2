/** Posts to one server over connections that are kept: compressed, authenticated, bounded in what it reads, never redirected. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Clock } from "../../../../core/clock.ts";
import {
  type Authentication,
  authenticationHeaders,
  type TlsFiles,
  tlsMaterial,
} from "./credentials.ts";
import { retryAfterMs } from "./retry-after.ts";

/** An answer to a bulk request names each of its items. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const compressed = promisify(gzip);

/** How a target by HTTP is reached, whatever it speaks. */
export interface HttpDelivery {
  readonly authentication: Authentication | undefined;
  readonly tls: TlsFiles | undefined;
  readonly isCompressed: boolean;
  readonly clock: Clock;
  /** Beside those of the authentication. May hold secrets. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  readonly status: number;
  /** Of Retry-After; 0 without one. */
  readonly afterMs: number;
  readonly contentType: string;
  readonly body: Buffer;
}

export class HttpSender {
  readonly #delivery: HttpDelivery;
  readonly #headers: Readonly<Record<string, string>>;
  #agent: HttpAgent | HttpsAgent | undefined;
  /** What the agent was made of. */
  #material = "";

  /** `headers` are those of what it speaks. */
  constructor(delivery: HttpDelivery, headers: Readonly<Record<string, string>>) {
    this.#delivery = delivery;
    this.#headers = { ...delivery.headers, ...headers };
  }

  /** Rejects when there is no answer, and when a file of ours cannot be read. */
  async post(url: URL, body: Buffer, signal: AbortSignal): Promise<HttpAnswer> {
    const { authentication, isCompressed, clock } = this.#delivery;
    const sent = isCompressed ? await compressed(body) : body;
    const fields = {
      ...this.#headers,
      ...authenticationHeaders(authentication),
      ...(isCompressed ? { "content-encoding": "gzip" } : {}),
      "content-length": String(sent.length),
    };
    const agent = this.#agentFor(url);
    const nowMs = clock.nowMs();
    return await new Promise((resolve, reject) => {
      const request = url.protocol === "https:" ? httpsRequest : httpRequest;
      const outgoing = request(url, { method: "POST", agent, headers: fields, signal });
      outgoing.on("error", reject);
      outgoing.on("response", (response) => void answerOf(response, nowMs).then(resolve, reject));
      outgoing.end(sent);
    });
  }

  close(): void {
    this.#agent?.destroy();
    this.#agent = undefined;
  }

  /** New files mean new connections. */
  #agentFor(url: URL): HttpAgent | HttpsAgent {
    const material = tlsMaterial(this.#delivery.tls);
    const text = JSON.stringify(material);
    if (this.#agent !== undefined && text === this.#material) return this.#agent;
    this.#agent?.destroy();
    this.#material = text;
    this.#agent =
      url.protocol === "https:"
        ? new HttpsAgent({ ...material, keepAlive: true, maxSockets: 1, minVersion: "TLSv1.2" })
        : new HttpAgent({ keepAlive: true, maxSockets: 1 });
    return this.#agent;
  }
}

async function answerOf(response: IncomingMessage, nowMs: number): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) throw new Error("the answer has no end");
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    afterMs: retryAfterMs(response.headers["retry-after"], nowMs),
    contentType: response.headers["content-type"] ?? "",
    body: Buffer.concat(chunks),
  };
}
