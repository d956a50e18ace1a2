/** Load on a port: by wrk over HTTP/1.1, by h2load over HTTP/2. */
import { GRPC_ANSWER, MEGABYTE_ANSWER, SMALL_ANSWER } from "./backends.ts";
import { runH2load } from "./h2load.ts";
import type { LoadResult } from "./load-result.ts";
import type { Load, RequestKind, Scenario } from "./scenarios.ts";
import { runWrk, writePathScript } from "./wrk.ts";

export interface LoadTarget {
  readonly scenario: Scenario;
  readonly load: Load;
  readonly port: number;
  /** What is asked for, in turn. */
  readonly paths: readonly string[];
  /** Of HTTP/1.1 alone. */
  readonly fields?: readonly string[];
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

/** `paths` are those of small requests; others have one of their own. */
export function firstPath(scenario: Scenario, paths: readonly string[]): string {
  return (scenario.request === "small" ? paths[0] : undefined) ?? answerTo(scenario.request).path;
}

export async function runLoad(target: LoadTarget, seconds: number): Promise<LoadResult> {
  const { scenario, load, core, folder, port, paths, fields = [] } = target;
  const path = firstPath(scenario, paths);
  const options = { ...load, seconds, core, url: `http://127.0.0.1:${port}${path}` };
  if (scenario.client === "http1") {
    if (paths.length === 1) return await runWrk({ ...options, fields });
    return await runWrk({ ...options, fields, script: writePathScript(folder, paths) });
  }
  return await runH2load({ ...options, folder, isGrpc: scenario.request === "grpc" });
}
