/** `tulle rollout resume`. */
import { rolloutActionCommand } from "../rollout/rollout-action.ts";

export const command = rolloutActionCommand({
  name: "resume",
  summary: "Let a paused rollout go on",
  description:
    "It goes on where it was paused by command; a step that waits for somebody to promote it is left for the next one.",
  examples: [{ line: "tulle rollout resume catalog", summary: "Of the rollout catalog" }],
});
