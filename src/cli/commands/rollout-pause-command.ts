/** `tulle rollout pause`. */
import { rolloutActionCommand } from "../rollout/rollout-action.ts";

export const command = rolloutActionCommand({
  name: "pause",
  summary: "Keep a rollout at its step",
  description:
    "Weights stay as they are and gates are still watched: one that fails rolls back. Declared in the object, it is spec.paused.",
  examples: [{ line: "tulle rollout pause catalog", summary: "Of the rollout catalog" }],
});
