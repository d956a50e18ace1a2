/** `tulle rollout promote`. */
import { rolloutActionCommand } from "../rollout/rollout-action.ts";

export const command = rolloutActionCommand({
  name: "promote",
  summary: "Take a rollout to its next step, or to its end",
  description:
    "The step's pause and gates are not waited for. The gates of the next step are watched as ever; with --full there is none, and the canary gets every request at once.",
  examples: [
    { line: "tulle rollout promote catalog", summary: "To the next step" },
    { line: "tulle rollout promote catalog --full", summary: "Everything to the canary" },
  ],
  options: [{ name: "full", summary: "All the way: every request to the canary" }],
  actionOf: (input) => (input.isSet("full") ? "promote-full" : "promote"),
});
