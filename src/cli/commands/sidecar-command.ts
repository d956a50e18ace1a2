/**
 * `tulle sidecar`, for help and completion. The program itself starts the sidecar without loading any of the
 * CLI; this module's `run` is reached only when a global flag stands before the command's name.
 */
import { LOG_LEVELS } from "../../core/logger.ts";
import type { Command, OptionSpec } from "../command.ts";
import type { Programs } from "../command-entry.ts";

/** The sidecar's own flags. It reads them itself; a test holds the two lists together. */
export const SIDECAR_OPTIONS: readonly OptionSpec[] = [
  {
    name: "bootstrap",
    value: "FILE",
    summary: "The bootstrap file",
    completion: { kind: "files" },
  },
  {
    name: "join-socket",
    value: "PATH",
    summary: "Get a join token from the control plane's socket on this machine",
    completion: { kind: "files" },
  },
  {
    name: "join-token-file",
    value: "FILE",
    summary: "A join token from a control plane on another machine",
    completion: { kind: "files" },
  },
  {
    name: "join-bundle-file",
    value: "FILE",
    summary: "The roots to trust when joining with a token or a certificate, in PEM",
    completion: { kind: "files" },
  },
  {
    name: "join-certificate-file",
    value: "FILE",
    summary: "A certificate of another authority to join with, in PEM",
    completion: { kind: "files" },
  },
  {
    name: "join-key-file",
    value: "FILE",
    summary: "Its key, in PEM",
    completion: { kind: "files" },
  },
  { name: "trust-domain", value: "NAME", summary: "SPIFFE trust domain (default tulle.local)" },
  {
    name: "log-level",
    value: "LEVEL",
    choices: LOG_LEVELS,
    summary: "The least severity that is logged (default info)",
  },
  {
    name: "log-format",
    value: "FORMAT",
    choices: ["json", "text"],
    summary: "How log lines look, on standard error (default json)",
  },
  {
    name: "workers",
    value: "N|auto",
    summary: "Processes that share the traffic; auto is one per core (default 1)",
  },
  {
    name: "workload-api",
    value: "SOCKET",
    summary: "Serve the SPIFFE Workload API to the app, on a socket of its owner's",
    completion: { kind: "files" },
  },
];

export function createCommand(runSidecar: Programs["sidecar"]): Command {
  return {
    name: "sidecar",
    summary: "Run the sidecar proxy from an Envoy bootstrap file",
    description: `Reads an Envoy v3 bootstrap (JSON or YAML): node, admin, static_resources, dynamic_resources with ADS. A field that the sidecar does not implement is refused by its path, so that one file runs either proxy. \`tulle run\` starts a sidecar by itself; this is for a proxy alone.

Without a join flag it has no identity of its own: certificates come from the files that the bootstrap names. SIGTERM and SIGINT let requests in flight finish, then end it. SIGUSR2 has a new process take over without losing a request.`,
    examples: [
      {
        line: "tulle sidecar --bootstrap proxy.yaml",
        summary: "Run the proxy that the file describes",
      },
    ],
    options: SIDECAR_OPTIONS,
    run: async (_context, input) => {
      const words = SIDECAR_OPTIONS.flatMap(({ name }) => {
        const value = input.optionalString(name);
        return value === undefined ? [] : [`--${name}=${value}`];
      });
      return await runSidecar(words);
    },
  };
}
