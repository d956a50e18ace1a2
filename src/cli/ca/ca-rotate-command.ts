/** `tulle ca rotate`: a new root in place of the old one, and nobody loses access. */
import type { RotationRequest, RotationStep, RotationView } from "../../control-plane/ca-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";
import { rotationText } from "./ca-text.ts";
import { watchRotation } from "./watch-rotation.ts";

const STEPS = [
  "prepare",
  "distribute",
  "activate",
  "re-issue",
  "retire",
] as const satisfies readonly RotationStep[];

export const command: Command = {
  name: "ca rotate",
  summary: "Replace the root by one with a new key, without losing a request",
  description: `Steps: prepare makes a new root with a new key. distribute waits until every proxy has acknowledged a trust bundle that has it. activate: its key signs from now on. re-issue waits until every certificate in use is under it; sidecars renew at once, spread over a moment. retire: the old root is trusted no more.

The control plane carries the steps out and keeps on disk how far it is: the command only follows. Interrupted, it goes on without it; run again, it follows the rotation that is under way, or goes on with one that is paused. A step that would take access from somebody waits, and the command says for whom.

Proxies that are not connected are waited for until their certificates have expired, unless --skip-disconnected is given: when they come back they join anew.

Exit code 4: the command gave up waiting; the rotation goes on.`,
  examples: [
    { line: "tulle ca rotate", summary: "All steps, followed to the end" },
    { line: "tulle ca rotate --step", summary: "One step, then pause" },
    {
      line: "tulle ca rotate --until distribute",
      summary: "Everybody trusts both, the old one signs",
    },
    { line: "tulle ca rotate --pause", summary: "Stop after the step under way" },
    { line: "tulle ca rotate --abort", summary: "Give the new root up, before it is active" },
  ],
  options: [
    { name: "step", summary: "Take one step, then pause" },
    {
      name: "until",
      value: "STEP",
      choices: STEPS,
      summary: "Pause after this step",
      completion: { kind: "words", words: STEPS },
    },
    { name: "pause", summary: "Pause the rotation that is under way" },
    { name: "abort", summary: "Give it up; not once the new root is active" },
    { name: "skip-disconnected", summary: "Do not wait for proxies that are not connected" },
    {
      name: "skip-partners",
      summary: "Do not give partners of a federation time to fetch the new root",
    },
    { name: "no-watch", summary: "Do not follow it" },
    {
      name: "timeout",
      value: "DURATION",
      default: "24h",
      summary: "How long it is followed before the command ends with exit code 4",
    },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const chosen = ["step", "until", "pause", "abort"].filter(
    (name) => input.isSet(name) || input.optionalString(name) !== undefined,
  );
  if (chosen.length > 1) {
    throw usageError(`--${chosen.join(" and --")} cannot stand together`, "give one of them");
  }
  const client = await context.adminClient();
  const request = await requestOf(input, async () => (await client.ca()).rotation);
  const { rotation } = await client.rotate(request);
  const isFollowed = request.action === "start" && !input.isSet("no-watch");
  const last = isFollowed ? await watchRotation(context, client, timeoutMs) : rotation;
  const { stdout, clock } = context;
  await writeResult(context, {
    data: last,
    table: () =>
      isFollowed
        ? ""
        : rotationText(last, { style: stdout.style, width: stdout.columns, nowMs: clock.nowMs() }),
  });
  return EXIT_OK;
}

async function requestOf(
  input: CommandInput,
  ask: () => Promise<RotationView | null>,
): Promise<RotationRequest> {
  if (input.isSet("pause")) return { action: "pause" };
  if (input.isSet("abort")) return { action: "abort" };
  const skipDisconnected = input.isSet("skip-disconnected");
  const until = input.isSet("step")
    ? await nextStep(ask)
    : (input.optionalString("until") as RotationStep | undefined);
  const skipPartners = input.isSet("skip-partners");
  return {
    action: "start",
    skipDisconnected,
    skipPartners,
    ...(until === undefined ? {} : { until }),
  };
}

/** The one to take now: the first of a rotation that is yet to begin. */
async function nextStep(ask: () => Promise<RotationView | null>): Promise<RotationStep> {
  const rotation = await ask();
  const isUnderWay = rotation?.state === "running" || rotation?.state === "paused";
  const next = isUnderWay ? rotation.steps.find(({ state }) => state !== "done")?.step : undefined;
  return next ?? "prepare";
}
