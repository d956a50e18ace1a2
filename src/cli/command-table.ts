/**
 * Every command by name, with what `tulle --help` prints. The modules load only when chosen, so that
 * `tulle sidecar` stays small and `tulle get` starts fast.
 */
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
