/** Load on a port: by wrk over HTTP/1.1, by h2load over HTTP/2. */
import { GRPC_ANSWER, MEGABYTE_ANSWER, SMALL_ANSWER } from "./backends.ts";
import { runH2load } from "./h2load.ts";
import type { LoadResult } from "./load-result.ts";
import type { Load, RequestKind, Scenario } from "./scenarios.ts";
import { runWrk } from "./wrk.ts";

export interface LoadTarget {
  readonly scenario: Scenario;
  readonly load: Load;
  readonly port: number;
  /** The core that the generator runs on. */
  readonly core: number;
  /** Work folder. */
  readonly folder: string;
}

/** What an answer to this kind of request must be. */
export function answerTo(request: RequestKind): { readonly path: string; readonly bytes: number } {
  switch (request) {
    case "megabyte":
      return MEGABYTE_ANSWER;
    case "grpc":
      return GRPC_ANSWER;
    case "small":
    case "idle":
      return SMALL_ANSWER;
  }
}

export async function runLoad(target: LoadTarget, seconds: number): Promise<LoadResult> {
  const { scenario, load, core, folder, port } = target;
  const { path } = answerTo(scenario.request);
  const options = { ...load, seconds, core, url: `http://127.0.0.1:${port}${path}` };
  if (scenario.client === "http1") return await runWrk(options);
  return await runH2load({ ...options, folder, isGrpc: scenario.request === "grpc" });
}
