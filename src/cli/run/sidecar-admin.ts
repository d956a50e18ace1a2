/** The few requests that a starter makes to its sidecar's admin server. */
import { request } from "node:http";
import { SIDECAR_ADMIN_PORT } from "./loopback-block.ts";

const TIMEOUT_MS = 5_000;

export interface SidecarAnswer {
  readonly status: number;
  readonly text: string;
}

/** Resolves with undefined when nothing answers. */
export function askSidecar(
  host: string,
  method: "GET" | "POST",
  path: string,
): Promise<SidecarAnswer | undefined> {
  return new Promise((resolve) => {
    const outgoing = request({
      host,
      port: SIDECAR_ADMIN_PORT,
      method,
      path,
      agent: false,
      timeout: TIMEOUT_MS,
    });
    const fail = (): void => resolve(undefined);
    outgoing.on("timeout", () => outgoing.destroy(new Error("timed out")));
    outgoing.on("error", fail);
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("error", fail);
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    outgoing.end();
  });
}
