/** `tulle control-plane`: the flags of the server; the server itself is handed in. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { LOG_LEVELS } from "../../core/logger.ts";
import type { Command, CommandInput, OptionSpec } from "../command.ts";
import type { Programs } from "../command-entry.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";

const LOG_FORMATS = ["text", "json"] as const;

/** A mesh's name is a folder and a host name's label. */
const MESH_PATTERN = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const BUNDLE_ENDPOINT_OPTIONS: readonly OptionSpec[] = [
  {
    name: "bundle-endpoint-address",
    value: "IP:PORT",
    summary: "Where other trust domains fetch the mesh's bundle, by HTTPS (default: nowhere)",
  },
  {
    name: "bundle-endpoint-cert-file",
    value: "FILE",
    summary:
      "A certificate of the web for it, in PEM (https_web; default: the control plane's own, https_spiffe)",
    completion: { kind: "files" },
  },
  {
    name: "bundle-endpoint-key-file",
    value: "FILE",
    summary: "The key of that certificate",
    completion: { kind: "files" },
  },
];

const TELEMETRY_OPTIONS: readonly OptionSpec[] = [
  {
    name: "otlp-address",
    value: "IP:PORT",
    summary: "Where apps of this machine send spans and logs by OTLP/HTTP (default: nowhere)",
  },
  {
    name: "telemetry-retention",
    value: "DURATION",
    summary: "How long traffic figures, logs and traces are kept (default 24h)",
  },
  {
    name: "telemetry-size",
    value: "MEGABYTES",
    summary: "How much of them is kept at most (default 512)",
  },
  {
    name: "prometheus",
    value: "URL",
    summary: "Read traffic figures from this Prometheus instead of the built-in store",
  },
];

/** Who signs certificates. */
const AUTHORITY_OPTIONS: readonly OptionSpec[] = [
  {
    name: "ca-passphrase-file",
    value: "FILE",
    summary: "Seals the certificate authority's key with the passphrase in this file",
    completion: { kind: "files" },
  },
  {
    name: "issuer-file",
    value: "FILE",
    summary:
      "Who signs certificates, in YAML (default: the built-in authority): a pair of files, Vault, cert-manager, Kubernetes, SPIRE, or another mesh's authority",
    completion: { kind: "files" },
  },
  {
    name: "give-up-former-issuer",
    summary:
      "Changes to the issuer of --issuer-file at once, when the one before is gone: proxies that run must be restarted",
  },
];

export function createCommand(runControlPlane: Programs["controlPlane"]): Command {
  return {
    name: "control-plane",
    summary: "Run the control plane",
    description: `Serves configuration and certificates to the proxies, and the admin API to this CLI. Its state (resources, the certificate authority's key) lies in one folder, $TULLE_HOME/NAME, by default ~/.tulle/default; a second control plane on the same folder is refused.

It runs until SIGINT or SIGTERM. Proxies keep working without it.`,
    examples: [
      { line: "tulle control-plane", summary: "Run the control plane of the mesh default" },
      {
        line: "tulle control-plane --mesh shop --admin-address 127.0.0.1:7800",
        summary: "A second mesh on the same machine",
      },
    ],
    options: [
      {
        name: "state-dir",
        value: "FOLDER",
        summary: "Where its state lies (default $TULLE_HOME/NAME of the mesh)",
        completion: { kind: "files" },
      },
      {
        name: "admin-address",
        value: "IP:PORT",
        summary:
          "Where the admin API listens; loopback only (default 127.0.0.1:7700, or any port when that is taken)",
      },
      {
        name: "admin-tls-address",
        value: "IP:PORT",
        summary:
          "Offers the admin API to other machines: by TLS, with a token or a client certificate (default: not offered)",
      },
      {
        name: "audit-export",
        value: "URL",
        isMultiple: true,
        summary:
          "Sends audit records there, too: file:///PATH, http(s)://HOST:4318/v1/logs (OTLP), syslog+udp|tcp://HOST:PORT, syslog+unix:///PATH",
      },
      {
        name: "xds-address",
        value: "IP:PORT",
        summary: "Where proxies connect (default 127.0.0.1:15012, or any port when that is taken)",
      },
      {
        name: "xds-advertise-address",
        value: "HOST[:PORT]",
        summary:
          "Where proxies are told that they find it (default: --xds-address; where that is 0.0.0.0 or ::, the machine's first address)",
      },
      {
        name: "trust-domain",
        value: "NAME",
        summary:
          "SPIFFE trust domain of the mesh; fixed when its state is made (default tulle.local)",
      },
      ...TELEMETRY_OPTIONS,
      ...BUNDLE_ENDPOINT_OPTIONS,
      ...AUTHORITY_OPTIONS,
      {
        name: "rate-limit-redis",
        value: "URL",
        summary:
          "Counts global rate limits in this Redis (redis://HOST:PORT), for several control planes together (default: TULLE_RATE_LIMIT_REDIS, else in memory)",
      },
      {
        name: "rate-limit-redis-file",
        value: "FILE",
        summary: "The same with the URL in a file: for one with a password",
        completion: { kind: "files" },
      },
      {
        name: "log-level",
        value: "LEVEL",
        choices: LOG_LEVELS,
        default: "info",
        summary: "The least severity that is logged",
      },
      {
        name: "log-format",
        value: "FORMAT",
        choices: LOG_FORMATS,
        default: "text",
        summary: "How log lines look, on standard error",
      },
    ],
    run: (context, input) => run(context, input, runControlPlane),
  };
}

async function run(
  context: CliContext,
  input: CommandInput,
  runControlPlane: Programs["controlPlane"],
): Promise<number> {
  const { mesh } = context.globals;
  if (mesh !== undefined && !MESH_PATTERN.test(mesh)) {
    throw usageError(
      `--mesh: "${mesh}" is no name for a mesh`,
      "use at most 63 lower-case letters, digits and dashes, beginning and ending with a letter or digit",
    );
  }
  const passphraseFile = input.optionalString("ca-passphrase-file");
  if (passphraseFile !== undefined) await checkReadable(resolve(context.cwd, passphraseFile));
  return await runControlPlane({
    mesh,
    stateDirectory: input.optionalString("state-dir"),
    adminAddress: input.optionalString("admin-address"),
    adminTlsAddress: input.optionalString("admin-tls-address"),
    auditExports: input.strings("audit-export"),
    xdsAddress: input.optionalString("xds-address"),
    xdsAdvertiseAddress: input.optionalString("xds-advertise-address"),
    trustDomain: input.optionalString("trust-domain"),
    otlpAddress: input.optionalString("otlp-address"),
    telemetryRetention: input.optionalString("telemetry-retention"),
    telemetrySize: input.optionalString("telemetry-size"),
    prometheus: input.optionalString("prometheus"),
    bundleEndpointAddress: input.optionalString("bundle-endpoint-address"),
    bundleEndpointCertFile: input.optionalString("bundle-endpoint-cert-file"),
    bundleEndpointKeyFile: input.optionalString("bundle-endpoint-key-file"),
    caPassphraseFile: passphraseFile,
    issuerFile: input.optionalString("issuer-file"),
    giveUpFormerIssuer: input.isSet("give-up-former-issuer"),
    rateLimitRedis: input.optionalString("rate-limit-redis"),
    rateLimitRedisFile: input.optionalString("rate-limit-redis-file"),
    logLevel: input.string("log-level"),
    logFormat: LOG_FORMATS.find((format) => format === input.string("log-format")) ?? "text",
  });
}

async function checkReadable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw usageError(
      `--ca-passphrase-file: cannot read ${path}: ${messageOf(error)}`,
      "name a file that holds the passphrase, readable by you alone",
    );
  }
}
