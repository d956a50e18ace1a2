/** The Rollout that a word of the command line means, read from the control plane. */
import type { Rollout } from "../../resource/kinds/rollout.ts";
import type { AdminClient, ObjectRef } from "../admin-client.ts";
import { AdminApiError } from "../admin-transport.ts";
import type { ArgumentSpec } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { notFound } from "../fetch-objects.ts";
import { findKind } from "../kinds.ts";

export const ROLLOUT_ARGUMENT: ArgumentSpec = {
  name: "ROLLOUT",
  summary: "The rollout",
  isRequired: true,
  completion: { kind: "names", of: { kind: "Rollout" } },
};

export interface FoundRollout {
  readonly ref: ObjectRef;
  readonly rollout: Rollout;
}

/** Throws with the nearest name when there is none. */
export async function findRollout(
  context: CliContext,
  client: AdminClient,
  word: string,
): Promise<FoundRollout> {
  const ref = { namespace: context.globals.namespace, name: rolloutName(word) };
  try {
    // Stored objects have passed their schema, so that they have its type.
    const rollout = (await client.get("Rollout", ref)) as unknown as Rollout;
    return { ref, rollout };
  } catch (error) {
    const kind = findKind("Rollout");
    if (!(error instanceof AdminApiError) || error.status !== 404 || kind === undefined)
      throw error;
    throw await notFound(client, kind, ref);
  }
}

/** `catalog`, and `rollout/catalog` as other commands print it. */
export function rolloutName(word: string): string {
  const slash = word.indexOf("/");
  if (slash < 0) return word;
  if (findKind(word.slice(0, slash))?.kind === "Rollout") return word.slice(slash + 1);
  throw usageError(`"${word}" is no rollout`, "`tulle get rollouts` lists them");
}
