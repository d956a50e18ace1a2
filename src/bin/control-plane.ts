/**
 * The control plane as a program: reads its flags, starts it, says where it listens, and stops it on SIGINT or
 * SIGTERM.
 */
import { randomInt } from "node:crypto";
import { join } from "node:path";
import type { ControlPlaneFlags } from "../cli/command-entry.ts";
import { tulleHome } from "../cli/find-control-plane.ts";
import { readVersion } from "../cli/read-version.ts";
import { parseAdvertisedHost } from "../control-plane/advertised-address.ts";
import { parseExportTarget, parseOtlpHeaders } from "../control-plane/audit/export-target.ts";
import { readPassphrase } from "../control-plane/ca-passphrase.ts";
import { ControlPlane, type ControlPlaneOptions } from "../control-plane/control-plane.ts";
import { parseBundleEndpoint } from "../control-plane/federation/bundle-endpoint-place.ts";
import { readIssuerConfig } from "../control-plane/issuers/issuer-config.ts";
import { type ListenAddress, parseListenAddress } from "../control-plane/listen-address.ts";
import { redisFrom } from "../control-plane/rate-limit/redis-option.ts";
import { telemetryFrom } from "../control-plane/telemetry/telemetry-options.ts";
import { systemClock } from "../core/clock.ts";
import { hasCode, MeshError } from "../core/errors.ts";
import { createLogger, LOG_LEVELS, type LogLevel } from "../core/logger.ts";
import { SeededPrng } from "../core/prng.ts";

const MESH_DEFAULT = "default";
const ADMIN_PORT_DEFAULT = 7700;
const XDS_PORT_DEFAULT = 15_012;
const STOP_GRACE_MS = 3_000;

/** Runs until a signal. Resolves with the exit code: 0 after a stop, 1 when it could not start, 2 for a wrong flag. */
export async function runControlPlane(flags: ControlPlaneFlags): Promise<number> {
  // Heard from the beginning: a signal during the start ends it right after.
  const stopped = stopSignal();
  let controlPlane: ControlPlane;
  try {
    controlPlane = new ControlPlane(optionsFrom(flags));
    await controlPlane.start();
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    process.stderr.write(`tulle control-plane: ${error.message}\n`);
    return hasCode(error, "option-invalid") ? 2 : 1;
  }
  const { adminUrl, adminSocket, xdsAddress, name } = controlPlane.file;
  process.stdout.write(
    `control plane of mesh ${name} is ready\n  admin  ${adminUrl}\n         unix:${adminSocket}\n  xds    ${xdsAddress}\n`,
  );
  await stopped;
  await controlPlane.stop(STOP_GRACE_MS);
  return 0;
}

function optionsFrom(flags: ControlPlaneFlags): ControlPlaneOptions {
  const mesh = flags.mesh ?? MESH_DEFAULT;
  const level: LogLevel = LOG_LEVELS.find((known) => known === flags.logLevel) ?? "info";
  const passphraseFile = flags.caPassphraseFile;
  return {
    mesh,
    stateDirectory: flags.stateDirectory ?? join(tulleHome(process.env), mesh),
    adminAddress: addressFrom(flags.adminAddress, "--admin-address", ADMIN_PORT_DEFAULT),
    auditTargets: (flags.auditExports ?? []).map((target) =>
      parseExportTarget(target, {
        mesh,
        version: readVersion(),
        clock: systemClock,
        otlpHeaders: parseOtlpHeaders(process.env["OTEL_EXPORTER_OTLP_HEADERS"]),
      }),
    ),
    adminTlsAddress:
      flags.adminTlsAddress === undefined
        ? undefined
        : parseListenAddress(flags.adminTlsAddress, "--admin-tls-address"),
    xdsAddress: addressFrom(flags.xdsAddress, "--xds-address", XDS_PORT_DEFAULT),
    xdsAdvertised:
      flags.xdsAdvertiseAddress === undefined
        ? undefined
        : parseAdvertisedHost(flags.xdsAdvertiseAddress, "--xds-advertise-address"),
    trustDomain: flags.trustDomain,
    bundleEndpoint: parseBundleEndpoint({
      address: flags.bundleEndpointAddress,
      certificateFile: flags.bundleEndpointCertFile,
      keyFile: flags.bundleEndpointKeyFile,
    }),
    telemetry: telemetryFrom(flags),
    rateLimitRedis: redisFrom({
      url: flags.rateLimitRedis,
      file: flags.rateLimitRedisFile,
      env: process.env,
    }),
    caPassphrase: passphraseFile === undefined ? undefined : readPassphrase(passphraseFile),
    issuer:
      flags.issuerFile === undefined ? undefined : readIssuerConfig(flags.issuerFile, process.env),
    givesUpFormerIssuer: flags.giveUpFormerIssuer,
    version: readVersion(),
    clock: systemClock,
    prng: new SeededPrng(randomInt(2 ** 32)),
    log: createLogger({
      clock: systemClock,
      sink: process.stderr,
      threshold: { level },
      format: flags.logFormat,
    }),
  };
}

function addressFrom(text: string | undefined, option: string, port: number): ListenAddress {
  if (text !== undefined) return parseListenAddress(text, option);
  return { host: "127.0.0.1", port, isFallbackAllowed: true };
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
