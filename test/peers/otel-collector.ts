/** A collector of OpenTelemetry with its OTLP receiver and its debug exporter, built once into `.cache/peers`. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { COLLECTOR_BUILDER, type GoPeer, goPeer } from "./go-peer.ts";

const CACHE = join(import.meta.dirname, "..", "..", ".cache", "peers");
const VERSION = "0.165.0";
/** The collector's stable modules have versions of their own. */
const STABLE = "1.71.0";
const BUILD_TIMEOUT_MS = 900_000;

const modules = (kind: string, names: readonly string[], version: string): string =>
  names
    .map((name) => `  - gomod: go.opentelemetry.io/collector/${kind}/${name} v${version}`)
    .join("\n");

/** The folder with `otelcol`, or why there is none. */
export async function collectorPeer(): Promise<GoPeer> {
  const folder = join(CACHE, `otelcol-${VERSION}`);
  if (existsSync(join(folder, "otelcol"))) return { folder, skip: false };
  const builder = await goPeer(COLLECTOR_BUILDER);
  if (builder.skip !== false) return builder;
  mkdirSync(CACHE, { recursive: true });
  const staging = mkdtempSync(join(CACHE, "build-"));
  try {
    const out = join(staging, "out");
    const config = join(staging, "builder.yaml");
    writeFileSync(
      config,
      `dist:
  name: otelcol
  output_path: ${out}
  otelcol_version: ${VERSION}
receivers:
${modules("receiver", ["otlpreceiver"], VERSION)}
exporters:
${modules("exporter", ["debugexporter"], VERSION)}
providers:
${modules("confmap/provider", ["envprovider", "fileprovider"], STABLE)}
`,
    );
    await promisify(execFile)(join(builder.folder, "builder"), ["--config", config], {
      timeout: BUILD_TIMEOUT_MS,
    });
    // Two test processes may build at the same time: the first rename wins, the other is dropped.
    if (!existsSync(folder)) renameSync(out, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return { folder, skip: false };
}
