/** `tulle rollout undo`. */
import { rolloutActionCommand } from "../rollout/rollout-action.ts";

export const command = rolloutActionCommand({
  name: "undo",
  summary: "Go back to the version before, also after success",
  description:
    "The stable Service of the last run gets every request at once. Of a rollout that is under way it is the same as abort.",
  examples: [{ line: "tulle rollout undo catalog", summary: "Of the rollout catalog" }],
});
