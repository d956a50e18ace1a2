/**
 * `tulle sidecar`, for help and completion. The program itself starts the sidecar without loading any of the
 * CLI; this module runs only when a global flag stands before the command's name.
 */
import type { Command } from "../command.ts";
import type { Programs } from "../command-entry.ts";

export function createCommand(runSidecar: Programs["sidecar"]): Command {
  return {
    name: "sidecar",
    summary: "Run the sidecar proxy from an Envoy bootstrap file",
    description:
      "Reads an Envoy v3 bootstrap (JSON or YAML): node, admin, static_resources, dynamic_resources with ADS. A field that the sidecar does not implement is refused by its path, so that one file runs either proxy. `tulle run` starts a sidecar by itself; this is for a proxy alone.",
    examples: [
      {
        line: "tulle sidecar --bootstrap proxy.yaml",
        summary: "Run the proxy that the file describes",
      },
    ],
    options: [
      {
        name: "bootstrap",
        value: "FILE",
        summary: "The bootstrap file",
        completion: { kind: "files" },
      },
    ],
    run: (_context, input) => runSidecar(["--bootstrap", input.string("bootstrap")]),
  };
}
