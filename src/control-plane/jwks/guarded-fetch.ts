/**
 * A GET to an address that an object names: bounded in time and size, never redirected, and only to addresses that are
 * open. What a name resolves to is judged when the connection is made, so that it cannot change in between.
 */
import { lookup } from "node:dns";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import type { EgressGuard } from "./egress-guard.ts";

export interface FetchLimits {
  readonly timeoutMs: number;
  readonly sizeBytesMax: number;
  readonly guard: EgressGuard;
  readonly signal: AbortSignal;
}

/** The body of a 200 answer. Rejects with an Error that says what went wrong. */
export function fetchDocument(address: string, limits: FetchLimits): Promise<Buffer> {
  const { timeoutMs, guard, sizeBytesMax } = limits;
  return new Promise((resolve, reject) => {
    const url = new URL(address);
    assertOpen(url, guard);
    const request = url.protocol === "https:" ? httpsRequest : httpRequest;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([limits.signal, deadline]);
    const headers = { accept: "application/json" };
    const outgoing = request(url, { agent: false, signal, headers, lookup: guardedLookup(guard) });
    outgoing.on("error", (error) =>
      reject(deadline.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error),
    );
    outgoing.on("response", (response) => {
      if (response.statusCode !== 200) {
        response.destroy();
        reject(new Error(`status ${response.statusCode}`));
        return;
      }
      readAll(response, sizeBytesMax).then(resolve, (error: unknown) =>
        reject(deadline.aborted ? new Error(`no whole answer within ${timeoutMs} ms`) : error),
      );
    });
    outgoing.end();
  });
}

/** Throws when the URL has an address that is closed; names are judged by `guardedLookup`. */
export function assertOpen(url: URL, guard: EgressGuard): void {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(host) !== 0 && !guard.allows(host)) throw closedError(host);
}

/** Of several addresses those that are open are left. */
export function guardedLookup(guard: EgressGuard): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, "");
        return;
      }
      const open = addresses.filter(({ address }) => guard.allows(address));
      const [first] = open;
      if (first === undefined) callback(closedError(hostname), "");
      else if (options.all === true) callback(null, open);
      else callback(null, first.address, first.family);
    });
  };
}

function closedError(host: string): Error {
  return new Error(
    `${host} is loopback, link-local or a metadata service: allow it in MeshConfig, fetching.allowedAddresses`,
  );
}

async function readAll(response: IncomingMessage, sizeBytesMax: number): Promise<Buffer> {
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
  return Buffer.concat(chunks);
}
