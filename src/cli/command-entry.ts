/** A row of the command table, and the programs behind the commands that run for long. */
import type { Command } from "./command.ts";

export const COMMAND_GROUPS = ["run", "configure", "inspect", "other"] as const;
export type CommandGroup = (typeof COMMAND_GROUPS)[number];

export interface CommandEntry {
  readonly name: string;
  /** The same text as in the command; a test compares. */
  readonly summary: string;
  readonly group: CommandGroup;
  /** Left out of help, the reference page and completion. */
  readonly isHidden?: boolean;
  load(): Promise<Command>;
}

/** The flags of `tulle control-plane`. */
export interface ControlPlaneFlags {
  readonly mesh: string | undefined;
  readonly stateDirectory: string | undefined;
  readonly adminAddress: string | undefined;
  readonly xdsAddress: string | undefined;
  readonly trustDomain: string | undefined;
  readonly caPassphraseFile: string | undefined;
  readonly logLevel: string;
  readonly logFormat: "json" | "text";
}

/** The long-running programs; each resolves with its exit code when it has stopped. */
export interface Programs {
  controlPlane(flags: ControlPlaneFlags): Promise<number>;
  /** Takes the words after `sidecar` as they are. */
  sidecar(words: readonly string[]): Promise<number>;
}
