/** Waits until an app is ready for requests, as its readiness says. */
import { request } from "node:http";
import { connect } from "node:net";
import type { Readiness } from "./instance-spec.ts";
import { APP_HOST, type ResolvedPort } from "./port-spec.ts";
import { waitUntil } from "./wait-until.ts";

const PROBE_TIMEOUT_MS = 2_000;

/** True once the app is ready, false when `signal` aborts first. */
export async function waitForApp(
  readiness: Readiness,
  ports: readonly ResolvedPort[],
  signal: AbortSignal,
): Promise<boolean> {
  const [first] = ports;
  if (first === undefined || readiness.kind === "started") return !signal.aborted;
  const probe =
    readiness.kind === "tcp"
      ? () => probeTcp(first.port)
      : () => probeHttp(first.port, readiness.path);
  const answer = await waitUntil(async () => ((await probe()) ? true : undefined), signal);
  return answer === true;
}

function probeTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: APP_HOST });
    const finish = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(false));
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}

function probeHttp(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request({
      port,
      host: APP_HOST,
      path,
      agent: false,
      timeout: PROBE_TIMEOUT_MS,
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("timed out")));
    outgoing.on("error", () => resolve(false));
    outgoing.on("response", (incoming) => {
      incoming.resume();
      const status = incoming.statusCode ?? 0;
      resolve(status >= 200 && status < 400);
    });
    outgoing.end();
  });
}
