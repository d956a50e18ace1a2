/**
 * Who calls whom, as the called sidecars count it since they started: read from their metrics, as rollouts read them.
 * A few at a time, each with a deadline; who does not answer is left out.
 */
import type { ObservedCall } from "../../telemetry/observed/observed-calls.ts";
import { OBSERVED_CALLS_MAX } from "../../telemetry/observed/observed-calls.ts";
import type { ProxyDirectory } from "../proxy-directory.ts";
import { fetchText } from "../rollout/bounded-fetch.ts";
import { isReadable } from "../rollout/sidecar-scraper.ts";
import { readCallSeries } from "./call-series.ts";

/** Sidecars read at one time. */
const CONCURRENCY = 8;
/** Sidecars read in one look; a larger mesh is asked service by service. */
const PROXIES_MAX = 500;
const TIMEOUT_MS = 2000;
const ANSWER_BYTES_MAX = 128 * 1024 * 1024;

/** Never rejects. */
export async function observeSidecars(
  proxies: Pick<ProxyDirectory, "connected">,
  signal: AbortSignal,
): Promise<readonly ObservedCall[]> {
  const left = proxies
    .connected()
    .filter((entry) => entry.node.instance !== undefined && isReadable(entry))
    .slice(0, PROXIES_MAX);
  const calls: ObservedCall[] = [];
  const work = async (): Promise<void> => {
    for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
      const url = new URL(`http://${entry.node.adminAddress}/metrics`);
      const bounds = { timeoutMs: TIMEOUT_MS, sizeBytesMax: ANSWER_BYTES_MAX, signal };
      try {
        const { scope } = entry.node;
        const [port] = scope.ports;
        if (port === undefined) continue;
        const address = `${scope.address}:${port.inboundPort}`;
        calls.push(...readCallSeries(await fetchText(url, bounds), address));
      } catch {
        // It is on another machine, or busy: what it saw is not told.
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return calls.slice(0, OBSERVED_CALLS_MAX);
}
