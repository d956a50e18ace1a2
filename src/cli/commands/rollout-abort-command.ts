/** `tulle rollout abort`. */
import { rolloutActionCommand } from "../rollout/rollout-action.ts";

export const command = rolloutActionCommand({
  name: "abort",
  summary: "End a rollout: the stable version gets every request",
  description: "The rollout is RolledBack; `tulle rollout start` tries it again.",
  examples: [{ line: "tulle rollout abort catalog", summary: "Of the rollout catalog" }],
});
