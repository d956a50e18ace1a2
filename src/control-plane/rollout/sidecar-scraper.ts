/**
 * Reads the metrics of callers' sidecars at their admin ports: what the control plane needs to know of a canary, over
 * a path that every sidecar has anyway. A few at a time, each with a deadline; who does not answer is left out.
 */
import { isIP } from "node:net";
import type { ProxyDirectory, ProxyEntry } from "../proxy-directory.ts";
import { fetchText } from "./bounded-fetch.ts";
import { readSidecarSeries, type SidecarSeries } from "./sidecar-series.ts";

/** Sidecars read at one time. */
const CONCURRENCY = 8;
/** Sidecars read in one look; a larger mesh gives a sample of its callers. */
const PROXIES_MAX = 500;
const TIMEOUT_MS = 2000;
/** A family has at most 2000 series, each with 20 buckets of some 900 bytes: three histograms. */
const ANSWER_BYTES_MAX = 128 * 1024 * 1024;

export interface Scrape {
  /** By proxy key, then by `namespace/name` of the service. */
  readonly readings: ReadonlyMap<string, ReadonlyMap<string, SidecarSeries>>;
  /** Every connected proxy. */
  readonly known: ReadonlySet<string>;
}

/** Never rejects. */
export async function scrapeSidecars(
  proxies: Pick<ProxyDirectory, "connected">,
  services: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Scrape> {
  const connected = proxies.connected();
  const left = connected.filter(isReadable).slice(0, PROXIES_MAX);
  const readings = new Map<string, ReadonlyMap<string, SidecarSeries>>();
  const work = async (): Promise<void> => {
    for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
      const url = new URL(`http://${entry.node.adminAddress}/metrics`);
      const bounds = { timeoutMs: TIMEOUT_MS, sizeBytesMax: ANSWER_BYTES_MAX, signal };
      try {
        readings.set(entry.key, readSidecarSeries(await fetchText(url, bounds), services));
      } catch {
        // It is on another machine, or busy: gates say how few requests they saw.
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return { readings, known: new Set(connected.map(({ key }) => key)) };
}

/**
 * The address is the proxy's own word: it must lie on loopback or at the proxy's own address, so that no workload can
 * have the control plane ask somebody else. A real Envoy has no metrics of these names.
 */
export function isReadable({ node }: ProxyEntry): boolean {
  if (node.userAgent.startsWith("envoy")) return false;
  const match = /^(.+):(\d{1,5})$/.exec(node.adminAddress);
  const host = match?.[1]?.replaceAll(/^\[|\]$/g, "") ?? "";
  const isLoopback = isIP(host) === 4 ? host.startsWith("127.") : host === "::1";
  return isIP(host) !== 0 && (isLoopback || host === node.scope.address);
}
