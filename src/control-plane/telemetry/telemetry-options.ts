/** The flags of `tulle control-plane` that are about telemetry. */

import { parseDuration } from "../../resource/duration.ts";
import { controlPlaneError } from "../errors.ts";
import { type ListenAddress, parseListenAddress } from "../listen-address.ts";

export interface TelemetryOptions {
  /** Where apps send by OTLP/HTTP; undefined: nowhere. */
  readonly otlpAddress: ListenAddress | undefined;
  /** Undefined: 24 hours. */
  readonly retentionMs: number | undefined;
  /** Undefined: 512 MB. */
  readonly storeBytesMax: number | undefined;
  /** Where figures of traffic are read from; undefined: from the store. */
  readonly prometheus: URL | undefined;
}

const MEGABYTE = 1024 * 1024;
/** Below it not even an hour of a small mesh is kept; beyond it a question takes too long. */
const SIZE_MB = { min: 16, max: 65_536 };
const RETENTION_MS = { min: 20 * 60_000, max: 30 * 86_400_000 };

/** Throws `option-invalid`. */
export function telemetryFrom(flags: {
  readonly otlpAddress?: string | undefined;
  readonly telemetryRetention?: string | undefined;
  readonly telemetrySize?: string | undefined;
  readonly prometheus?: string | undefined;
}): TelemetryOptions {
  const { otlpAddress, telemetryRetention, telemetrySize, prometheus } = flags;
  return {
    otlpAddress:
      otlpAddress === undefined ? undefined : parseListenAddress(otlpAddress, "--otlp-address"),
    retentionMs: telemetryRetention === undefined ? undefined : retentionFrom(telemetryRetention),
    storeBytesMax: telemetrySize === undefined ? undefined : sizeFrom(telemetrySize),
    prometheus: prometheus === undefined ? undefined : prometheusFrom(prometheus),
  };
}

function retentionFrom(text: string): number {
  const option = "--telemetry-retention";
  const retentionMs = parseDuration(text) ?? 0;
  if (retentionMs < RETENTION_MS.min || retentionMs > RETENTION_MS.max) {
    throw invalid(option, `"${text}" is no time from 20m to 720h, for example 24h`);
  }
  return retentionMs;
}

function sizeFrom(text: string): number {
  const size = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (size < SIZE_MB.min || size > SIZE_MB.max) {
    throw invalid(
      "--telemetry-size",
      `"${text}" is no number of megabytes from ${SIZE_MB.min} to ${SIZE_MB.max}`,
    );
  }
  return size * MEGABYTE;
}

function prometheusFrom(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw invalid("--prometheus", `"${text}" is no URL, for example http://127.0.0.1:9090`);
  }
  return url;
}

function invalid(option: string, problem: string): Error {
  return controlPlaneError({ code: "option-invalid", option }, `${option}: ${problem}`);
}
