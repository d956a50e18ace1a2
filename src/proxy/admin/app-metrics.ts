/**
 * The app's own metrics page behind the sidecar's: one address to scrape for both. Asked for when somebody asks us, with a
 * deadline and a bound; families that we have ourselves are left out, so that no app can say what its sidecar counts.
 */
import type { IncomingMessage } from "node:http";
import type { JsonObject } from "@bufbuild/protobuf";
import { APP_METRICS_BYTES_MAX, APP_METRICS_MS_MAX } from "../../core/limits.ts";
import { nodeHttp } from "../../net/node-http.ts";
import type { Counter } from "../../telemetry/counter.ts";
import type { MetricRegistry, SeriesSource } from "../../telemetry/metric-registry.ts";
import { isOpenMetrics } from "../../telemetry/openmetrics-text.ts";

const PLACE = /^(\[[^\]]+\]|[^:/]+):(\d+)(\/.*)$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{.*\})? \S/;
const TOLD = /^# (?:HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*)(?: |$)/;
/** What families add to their names in samples. */
const SUFFIX = /_(?:bucket|sum|count|total|created|info)$/;

export interface AppPage {
  readonly isOpenMetrics: boolean;
  /** Lines with their ends, without `# EOF`. */
  readonly text: string;
}

export interface AppMetrics {
  /** Undefined where the app gives none in time. `ownNames`: families that are not the app's to tell. */
  read(accept: string | undefined, ownNames: ReadonlySet<string>): Promise<AppPage | undefined>;
}

/** By the node's metadata, `APP_METRICS`: `127.0.0.1:9090/metrics`. */
export function appMetricsOf(
  metadata: JsonObject | undefined,
  registry: MetricRegistry,
): AppMetrics | undefined {
  const match = PLACE.exec(String(metadata?.["APP_METRICS"] ?? ""));
  if (match === null) return undefined;
  const [, host = "", port, path = "/"] = match;
  const results = registry.counter(
    "tulle_app_metrics_reads_total",
    "Readings of the app's own metrics, by result: ok, or unreachable, malformed, too-large.",
  );
  return new AppScrape({ host: host.replace(/^\[|\]$/g, ""), port: Number(port), path }, results);
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

class AppScrape implements AppMetrics {
  readonly #place: Place;
  readonly #results: SeriesSource<Counter>;

  constructor(place: Place, results: SeriesSource<Counter>) {
    this.#place = place;
    this.#results = results;
  }

  async read(
    accept: string | undefined,
    ownNames: ReadonlySet<string>,
  ): Promise<AppPage | undefined> {
    const answer = await this.#ask(accept);
    if (typeof answer === "string") {
      this.#results.with({ result: answer }).value += 1;
      return undefined;
    }
    const text = withoutFamilies(answer.text, ownNames);
    this.#results.with({ result: text === undefined ? "malformed" : "ok" }).value += 1;
    return text === undefined ? undefined : { isOpenMetrics: answer.isOpenMetrics, text };
  }

  async #ask(accept: string | undefined): Promise<AppPage | "unreachable" | "too-large"> {
    const { host, port, path } = this.#place;
    const signal = AbortSignal.timeout(APP_METRICS_MS_MAX);
    const headers = accept === undefined ? {} : { accept };
    return await new Promise((resolve) => {
      const outgoing = nodeHttp.request({ host, port, path, headers, agent: false, signal });
      outgoing.on("error", () => resolve("unreachable"));
      outgoing.on("response", (response) => {
        bodyOf(response).then(
          (text) => {
            const type = response.headers["content-type"] ?? "";
            const isGood = response.statusCode === 200;
            resolve(isGood ? { isOpenMetrics: isOpenMetrics(type), text } : "unreachable");
          },
          (error: unknown) => resolve(error instanceof RangeError ? "too-large" : "unreachable"),
        );
      });
      outgoing.end();
    });
  }
}

/** Rejects with a RangeError for more than we take. */
async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > APP_METRICS_BYTES_MAX) {
      response.destroy();
      throw new RangeError("too large");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Undefined for a page with a line that is none of the format: it would spoil ours. */
export function withoutFamilies(page: string, names: ReadonlySet<string>): string | undefined {
  const kept: string[] = [];
  // OpenMetrics has counters without `_total` in what it tells of families.
  const isOurs = (name: string): boolean =>
    names.has(name) || names.has(`${name}_total`) || names.has(name.replace(SUFFIX, ""));
  for (const line of page.split("\n")) {
    if (line === "" || line === "# EOF") continue;
    const isComment = line.startsWith("#");
    const name = (isComment ? TOLD : SAMPLE).exec(line)?.[1];
    if (name === undefined) {
      if (isComment) continue;
      return undefined;
    }
    if (!isOurs(name)) kept.push(line);
  }
  return kept.length === 0 ? "" : `${kept.join("\n")}\n`;
}
