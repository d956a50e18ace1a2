/** A control plane as users start it, with exporters, which is sent telemetry as apps send it: by OTLP/HTTP. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ChecksResponse, ControlPlaneFile } from "../../src/control-plane/api-types.ts";
import {
  encodeLog,
  encodeSpan,
  exportRequest,
} from "../../src/control-plane/telemetry/export/otlp/otlp-record.ts";
import type { LogEvent, SpanRecord } from "../../src/control-plane/telemetry/telemetry-record.ts";
import { freePort } from "../support/free-port.ts";
import { callApi } from "./control-plane-fixture.ts";
import { stopProcess, TulleHome } from "./tulle-process.ts";

const POLL_MS = 50;

export class ExportingMesh {
  readonly home: TulleHome;
  readonly #port: number;
  #child: ChildProcess | undefined;

  static async start(t: TestContext): Promise<ExportingMesh> {
    const home = await TulleHome.open();
    t.after(() => home.close());
    const mesh = new ExportingMesh(home, await freePort());
    await mesh.startControlPlane();
    return mesh;
  }

  private constructor(home: TulleHome, port: number) {
    this.home = home;
    this.#port = port;
  }

  /** Again, after `kill` or `stop`. */
  async startControlPlane(): Promise<void> {
    const child = this.home.start([
      "control-plane",
      ...["--admin-address", "127.0.0.1:0", "--xds-address", "127.0.0.1:0"],
      ...["--otlp-address", `127.0.0.1:${this.#port}`],
    ]);
    this.#child = child;
    let log = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      log += String(chunk);
    });
    let out = "";
    for await (const chunk of child.stdout ?? []) {
      out += String(chunk);
      if (out.includes("xds ")) return;
    }
    throw new Error(`the control plane did not start:\n${log}`);
  }

  /** Without a chance to send anything. */
  async kill(): Promise<void> {
    const child = this.#child;
    assert.ok(child);
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  async stop(): Promise<void> {
    assert.ok(this.#child);
    await stopProcess(this.#child);
  }

  /** Applies a TelemetryExporter, and waits until it is there: what comes before is not exported. JSON is YAML. */
  async export(name: string, spec: object): Promise<void> {
    const object = {
      ...{ apiVersion: "mesh.tulle.dev/v1", kind: "TelemetryExporter", metadata: { name } },
      spec,
    };
    await this.home.succeed(["apply", "-f", "-"], JSON.stringify(object));
    await eventually(async () =>
      (await this.#series("tulle_export_buffer_records", { exporter: name })).length > 0
        ? true
        : undefined,
    );
  }

  async sendSpans(spans: readonly SpanRecord[]): Promise<void> {
    await this.#post("v1/traces", exportRequest("traces", spans.map(encodeSpan)));
  }

  async sendLogs(logs: readonly LogEvent[]): Promise<void> {
    await this.#post("v1/logs", exportRequest("logs", logs.map(encodeLog)));
  }

  /** An ExportMetricsServiceRequest. */
  async sendMetrics(bytes: Uint8Array): Promise<void> {
    await this.#post("v1/metrics", Buffer.from(bytes));
  }

  /** Findings of the check of exports. */
  async findings(): Promise<readonly { readonly code: string; readonly message: string }[]> {
    const { body } = await callApi<ChecksResponse>(this.#file(), "GET", "/api/v1/checks");
    return body.checks.find(({ name }) => name === "exports")?.findings ?? [];
  }

  /** The sum of a metric's series that have these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>>): Promise<number> {
    const series = await this.#series(name, labels);
    return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  async #series(
    name: string,
    labels: Readonly<Record<string, string>>,
  ): Promise<readonly string[]> {
    const { body } = await callApi<string>(this.#file(), "GET", "/metrics");
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return body
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) && wanted.every((one) => line.includes(one)));
  }

  #file(): ControlPlaneFile {
    const path = join(this.home.folder, "default", "control-plane.json");
    return JSON.parse(readFileSync(path, "utf8"));
  }

  async #post(path: string, body: Buffer): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/x-protobuf" },
      body: new Uint8Array(body),
    });
    assert.equal(answer.status, 200, await answer.text());
  }
}

/** Until `look` says something other than undefined: receivers tell nobody when something has come. */
export async function eventually<T>(
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(POLL_MS);
  }
}
