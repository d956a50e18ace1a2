/** Who an exporter is, from files that others replace: read anew each time, and never in any message. */
import { readFileSync } from "node:fs";
import { messageOf } from "../../../../core/errors.ts";
import type { TelemetryExporterSpec } from "../../../../resource/kinds/telemetry-exporter.ts";

export type Authentication = NonNullable<TelemetryExporterSpec["authentication"]>;
export type TlsFiles = NonNullable<TelemetryExporterSpec["tls"]>;

/** As `node:tls` has them. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** Fields of a request. Throws when a file cannot be read or holds what cannot stand in a field. */
export function authenticationHeaders(
  authentication: Authentication | undefined,
): Readonly<Record<string, string>> {
  if (authentication === undefined) return {};
  const { basic, bearerTokenFile, apiKey, headers } = authentication;
  const fields: Record<string, string> = {};
  for (const { name, value, valueFile } of headers) {
    fields[name.toLowerCase()] = value ?? readSecret(valueFile ?? "");
  }
  if (basic !== undefined) {
    const pair = `${basic.username}:${readPassword(basic.passwordFile)}`;
    fields["authorization"] = `Basic ${Buffer.from(pair).toString("base64")}`;
  } else if (bearerTokenFile !== undefined) {
    fields["authorization"] = `Bearer ${readSecret(bearerTokenFile)}`;
  } else if (apiKey !== undefined) {
    const key = readSecret(apiKey.file);
    if (apiKey.header === undefined) fields["authorization"] = `ApiKey ${key}`;
    else fields[apiKey.header.toLowerCase()] = key;
  }
  return fields;
}

/** Throws when a file cannot be read. */
export function tlsMaterial(tls: TlsFiles | undefined): TlsMaterial {
  if (tls === undefined) return {};
  const { caFile, certificateFile, keyFile, serverName } = tls;
  return {
    ...(caFile === undefined ? {} : { ca: readText(caFile) }),
    ...(certificateFile === undefined ? {} : { cert: readText(certificateFile) }),
    ...(keyFile === undefined ? {} : { key: readText(keyFile) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** A password may hold anything but the line's end. */
export function readPassword(path: string): string {
  const password = readText(path).replace(/\r?\n$/, "");
  if (password === "") throw new Error(`${path} is empty`);
  return password;
}

function readSecret(path: string): string {
  const secret = readText(path).trim();
  if (secret === "") throw new Error(`${path} is empty`);
  // An error of the HTTP client would quote it.
  if (!/^[ -~]+$/.test(secret)) throw new Error(`${path} holds what no header field can`);
  return secret;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path} cannot be read: ${messageOf(error)}`);
  }
}
