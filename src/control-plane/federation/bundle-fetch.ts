/**
 * Fetches the bundle of another trust domain by either profile of SPIFFE Federation (section 5.2): the endpoint proves who
 * it is before the request is sent, redirects are not followed, and no certificate of ours is shown.
 */
import { request } from "node:https";
import { isIP, type LookupFunction, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { SPIFFE_BUNDLE_BYTES_MAX } from "../../core/limits.ts";
import { peerChainDer } from "../../identity/peer-chain.ts";
import { expectPeer, verifyPeer } from "../../identity/peer-verifier.ts";
import type { TrustBundle } from "../../identity/trust-bundle.ts";
import { TrustBundleSet } from "../../identity/trust-bundle.ts";
import type { TrustDomainFederationSpec } from "../../resource/kinds/trust-domain-federation.ts";
import type { EgressGuard } from "../jwks/egress-guard.ts";
import { assertOpen, guardedLookup } from "../jwks/guarded-fetch.ts";

const TIMEOUT_MS = 10_000;

export interface BundleFetchOptions {
  /** Of the trust domain that the endpoint's SPIFFE id is in. Undefined: nothing is known of it. */
  readonly endpointBundle: TrustBundle | undefined;
  readonly guard: EgressGuard;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
}

/** The document. Rejects with an Error that says what went wrong. */
export async function fetchBundle(
  { bundleEndpointURL, bundleEndpointProfile: profile }: TrustDomainFederationSpec,
  options: BundleFetchOptions,
): Promise<Buffer> {
  const { guard } = options;
  const url = new URL(bundleEndpointURL);
  assertOpen(url, guard);
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  const signal = AbortSignal.any([options.signal, deadline]);
  const lookup = guardedLookup(guard);
  try {
    if (profile.type === "https_web") {
      const ca = profile.caCertificates;
      return await get(url, { signal, lookup, ...(ca === undefined ? {} : { ca }) });
    }
    const socket = await connectBySpiffe(url, { lookup, signal }, options, profile);
    return await get(url, { signal, createConnection: () => socket });
  } catch (error) {
    throw deadline.aborted ? new Error(`no answer within ${TIMEOUT_MS} ms`) : error;
  }
}

/** Resolves when the endpoint has proven its SPIFFE id. */
function connectBySpiffe(
  url: URL,
  { lookup, signal }: { readonly lookup: LookupFunction; readonly signal: AbortSignal },
  { endpointBundle, nowMs }: BundleFetchOptions,
  { endpointSPIFFEID = "" }: TrustDomainFederationSpec["bundleEndpointProfile"],
): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(url.port || 443),
      lookup,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
      // The check is the one below, by the SPIFFE id: host names play no part.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ca: [],
    });
    const abort = (): void => void socket.destroy(new Error("given up"));
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", reject);
    socket.once("close", () => {
      signal.removeEventListener("abort", abort);
      reject(new Error("the connection was closed during the handshake"));
    });
    socket.once("secureConnect", () => {
      const bundles = new TrustBundleSet(endpointBundle === undefined ? [] : [endpointBundle]);
      const chain = peerChainDer(socket);
      const verdict = expectPeer(verifyPeer(chain, bundles, nowMs()), [endpointSPIFFEID]);
      if (verdict.ok) {
        resolve(socket);
        return;
      }
      reject(new Error(`the endpoint is refused: ${verdict.reason}`));
      socket.destroy();
    });
  });
}

interface GetOptions {
  readonly signal: AbortSignal;
  readonly lookup?: LookupFunction;
  readonly ca?: string;
  readonly createConnection?: () => Socket;
}

function get(url: URL, options: GetOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { accept: "application/json" };
    // An agent, even one of its own, would make a connection of its own.
    const agent = options.createConnection === undefined ? { agent: false } : {};
    const outgoing = request(url, { ...agent, headers, ...options });
    outgoing.once("error", reject);
    outgoing.once("response", (response) => {
      if (response.statusCode !== 200) {
        response.destroy();
        reject(new Error(`status ${response.statusCode}`));
        return;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size <= SPIFFE_BUNDLE_BYTES_MAX) return;
        response.destroy();
        reject(new Error(`the answer has more than ${SPIFFE_BUNDLE_BYTES_MAX} bytes`));
      });
      response.once("error", reject);
      response.once("end", () => resolve(Buffer.concat(chunks)));
    });
    outgoing.end();
  });
}
