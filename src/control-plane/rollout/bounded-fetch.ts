/** A GET with a deadline and a limit to the answer, over plain HTTP or HTTPS: for metrics and PromQL. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";

export interface FetchBounds {
  readonly timeoutMs: number;
  readonly sizeBytesMax: number;
  readonly signal: AbortSignal;
}

/** The text of a 200 answer. Rejects with an Error that says what went wrong. */
export function fetchText(url: URL, bounds: FetchBounds): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? httpsRequest : httpRequest;
    const signal = AbortSignal.any([bounds.signal, AbortSignal.timeout(bounds.timeoutMs)]);
    const outgoing = request(url, { agent: false, signal });
    outgoing.on("error", (error) =>
      reject(signal.aborted ? new Error(`no answer within ${bounds.timeoutMs} ms`) : error),
    );
    outgoing.on("response", (response) => {
      readAll(response, bounds.sizeBytesMax).then((text) => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`status ${response.statusCode}: ${text.trim().slice(0, 200)}`));
      }, reject);
    });
    outgoing.end();
  });
}

async function readAll(response: IncomingMessage, sizeBytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > sizeBytesMax) {
      response.destroy();
      throw new Error(`the answer has more than ${sizeBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
