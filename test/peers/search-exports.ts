/** What an exporter to `_bulk` owes, on any server that has it: found by search, with ECS fields, once each, through an outage. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ExportingMesh, eventually } from "../support/exporting-mesh.ts";
import { freePort } from "../support/free-port.ts";
import { accessLogs } from "../support/telemetry-records.ts";
import { type SearchServer, startSearch } from "./search-peer.ts";

const DEPLOY = join(import.meta.dirname, "..", "..", "deploy");
const STREAM = "logs-tulle.access-default";
/** How long the server is dead: as long as exporters promise to bridge within their bound. */
const OUTAGE_MS = 30_000;
const PER_SECOND = 100;

interface Document {
  readonly url: Readonly<Record<"original" | "path" | "query" | "domain", string>>;
  readonly event: { readonly duration: number };
  readonly service: { readonly name: string };
}

interface Hits {
  readonly hits: {
    readonly total: { readonly value: number };
    readonly hits: readonly { readonly _source: Document }[];
  };
}

class Search {
  readonly #url: string;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}`;
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const value = (await answer.json()) as T;
    assert.ok(answer.status < 300, JSON.stringify(value));
    return value;
  }

  async find(query: object, size = 10): Promise<Hits["hits"]> {
    await this.call("POST", `/${STREAM}/_refresh`);
    const body = { query, size, track_total_hits: true };
    return (await this.call<Hits>("POST", `/${STREAM}/_search`, body)).hits;
  }
}

export async function checkSearchExports(
  t: TestContext,
  server: Omit<SearchServer, "port" | "transportPort">,
): Promise<void> {
  const port = await freePort();
  const peer = await startSearch(t, { ...server, port, transportPort: await freePort() });
  const search = new Search(port);
  const text = readFileSync(join(DEPLOY, server.product, "index-template.json"), "utf8");
  const { data_stream, ...template } = JSON.parse(text);
  const hasStreams = server.product === "opensearch";
  // The archive of Elasticsearch has no module for data streams: an index of the same name takes the same documents.
  const body = hasStreams ? { ...template, data_stream } : template;
  await search.call("PUT", "/_index_template/tulle", body);
  const mesh = await ExportingMesh.start(t);
  await mesh.export("search", {
    elasticsearch: {
      endpoint: `http://127.0.0.1:${port}`,
      ...(hasStreams ? {} : { index: STREAM }),
    },
    batch: { delay: "100ms" },
    retry: { initialDelay: "200ms", maxDelay: "2s" },
  });
  await t.test("logs are found by their fields", async () => {
    await mesh.sendLogs(accessLogs(0, 1000));
    await eventually(async () =>
      (await mesh.metric("tulle_export_records_total", { exporter: "search" })) === 1000
        ? true
        : undefined,
    );
    const failed = await search.find({
      bool: {
        filter: [
          { term: { "envoyproxy.response_flags": "UH" } },
          { range: { "http.response.status_code": { gte: 500 } } },
          { term: { "event.outcome": "failure" } },
          { term: { "source.ip": "127.0.0.0/8" } },
        ],
      },
    });
    assert.equal(failed.total.value, 100);
    const one = await search.find({ term: { "trace.id": (41).toString(16).padStart(32, "a") } });
    assert.equal(one.total.value, 1);
    const document = one.hits[0]?._source;
    assert.ok(document);
    assert.deepEqual(document.url, {
      ...{ original: "/items/41?page=2", path: "/items/41", query: "page=2" },
      domain: "checkout.shop",
    });
    assert.equal(document.event.duration, 12_000_000);
    assert.equal(document.service.name, "checkout");
  });
  await t.test("30 s without the server lose nothing and repeat nothing", async () => {
    // In the middle of a batch, most likely.
    void mesh.sendLogs(accessLogs(1000, 500));
    await peer.kill();
    let next = 1500;
    const endMs = performance.now() + OUTAGE_MS;
    while (performance.now() < endMs) {
      await mesh.sendLogs(accessLogs(next, PER_SECOND));
      next += PER_SECOND;
      await delay(1000);
    }
    assert.equal((await mesh.findings())[0]?.code, "export-failing");
    await peer.restart();
    await eventually(async () =>
      (await mesh.metric("tulle_export_buffer_records", { exporter: "search" })) === 0
        ? true
        : undefined,
    );
    assert.equal(
      await mesh.metric("tulle_export_dropped_records_total", { exporter: "search" }),
      0,
    );
    const all = await search.find({ match_all: {} }, 10_000);
    assert.equal(all.total.value, next);
    const paths = all.hits.map(({ _source }) => _source.url.path);
    assert.equal(new Set(paths).size, next);
  });
}
