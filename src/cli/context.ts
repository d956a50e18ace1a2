/**
 * What a command may touch of the outside: streams, environment, working directory, clock, the control
 * plane. Built once in `src/bin/tulle.ts`; tests build their own, so no command reads `process`.
 */
import type { Clock } from "../core/clock.ts";
import type { AdminClient } from "./admin-client.ts";
import type { OutputFormat } from "./output/format.ts";
import type { Style } from "./output/style.ts";

/** A stream of text out: data on `stdout`, everything else on `stderr`. */
export interface TextWriter {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Width in columns; undefined when it is not a terminal, and then nothing is cut. */
  readonly columns: number | undefined;
  /** Colours for this stream. */
  readonly style: Style;
}

/** The flags that every command takes. */
export interface GlobalFlags {
  /** `--control-plane URL|unix:PATH`, or TULLE_CONTROL_PLANE. */
  readonly controlPlane: string | undefined;
  /** `--token-file FILE`. */
  readonly tokenFile: string | undefined;
  /** `--ca-file FILE`. */
  readonly caFile: string | undefined;
  /** `--mesh NAME`, or TULLE_MESH. */
  readonly mesh: string | undefined;
  /** `-n`, or TULLE_NAMESPACE, or `default`. */
  readonly namespace: string;
  /** Whether `-n` was given, so that a command can tell a choice from the default. */
  readonly isNamespaceGiven: boolean;
  /** `-o`: one of the formats that the command accepts. */
  readonly output: OutputFormat;
  readonly isVerbose: boolean;
  /** `-q`: no progress and no confirmations; data and errors still appear. */
  readonly isQuiet: boolean;
}

export interface CliContext {
  readonly stdout: TextWriter;
  readonly stderr: TextWriter;
  /** Reads all of standard input as text. */
  readStdin(): Promise<string>;
  readonly isStdinTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path. */
  readonly cwd: string;
  readonly globals: GlobalFlags;
  readonly clock: Clock;
  /** Aborts on the first SIGINT or SIGTERM; a second one ends the process. */
  readonly signal: AbortSignal;
  /** Finds the control plane as the flags say; anonymous shows no token, whatever there is. Throws `CLI_CANNOT_CONNECT` when there is none. */
  adminClient(options?: { readonly isAnonymous?: boolean }): Promise<AdminClient>;
}
