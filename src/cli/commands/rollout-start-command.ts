/** `tulle rollout start`: writes the Rollout that moves a service to a new version, or begins one anew. */
import type { Rollout } from "../../resource/kinds/rollout.ts";
import type { Service } from "../../resource/kinds/service.ts";
import type { AdminClient } from "../admin-client.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { failedError, usageError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { findingLines, hasErrors, keyText } from "../findings.ts";
import { writeResult } from "../output/write-result.ts";
import { findRollout, rolloutName } from "../rollout/find-rollout.ts";
import { planStart } from "../rollout/plan-start.ts";
import { rolloutLine, stateOf } from "../rollout/rollout-text.ts";
import { analysisOf, START_OPTIONS, strategyOf } from "../rollout/start-flags.ts";
import { exitCodeOf, hasEnded, watchRollout } from "../rollout/watch-rollout.ts";
import { applyFiles } from "./apply-command.ts";

export const command: Command = {
  name: "rollout start",
  summary: "Move a service's requests to a new version, step by step",
  description: `With a version it writes the service's Rollout: an existing one is turned to the new version and keeps its strategy and gates unless flags say otherwise; without one it is made, with steps of 10 % and 50 %. Versions are told apart by the label version; a Service for each is made when there is none yet. Routes are not changed.

Without a version the Rollout of that name runs again, after it was rolled back.

With --watch it is followed to its end. Exit code 1: it was rolled back. Exit code 4: the watch gave up waiting.`,
  examples: [
    { line: "tulle rollout start catalog v2", summary: "10 %, 50 %, everything" },
    {
      line: "tulle rollout start catalog v2 --steps 5,25,50 --pause 5m --success-rate 99 --latency p95=300ms --watch",
      summary: "With gates, and followed to the end",
    },
    { line: "tulle rollout start catalog v2 --blue-green --manual", summary: "A switch by hand" },
    { line: "tulle rollout start catalog", summary: "Once more" },
  ],
  arguments: [
    {
      name: "SERVICE",
      summary: "The service that all versions share; without a version: the rollout",
      isRequired: true,
      completion: { kind: "names", of: { kind: "Service" } },
    },
    { name: "VERSION", summary: "The version that is to get the requests: v2, or catalog-v2" },
  ],
  options: [
    ...START_OPTIONS,
    { name: "watch", short: "w", summary: "Follow it until it has ended" },
    {
      name: "timeout",
      value: "DURATION",
      default: "24h",
      summary: "How long --watch waits before it gives up with exit code 4",
    },
    { name: "dry-run", summary: "Judge and report, write nothing" },
  ],
  formats: ["table", "json", "yaml"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const version = input.optionalArgument("VERSION");
  const client = await context.adminClient();
  if (version === undefined) return await startAgain(context, client, input, timeoutMs);
  const request = await readRequest(context, client, input, version);
  const plan = planStart(request);
  const { metadata } = plan.rollout;
  const files = [...plan.newServices, plan.rollout].map((object) => ({
    name: keyText({ kind: object.kind, ...object.metadata }),
    text: JSON.stringify({ ...object, status: undefined }),
  }));
  const isDryRun = input.isSet("dry-run");
  const runBefore = request.rollouts.find((one) => one.metadata.name === metadata.name);
  const response = await applyFiles(context, client, files, isDryRun);
  if (response === undefined) return EXIT_FINDINGS;
  if (!context.globals.isQuiet) {
    for (const object of response.objects) {
      context.stderr.write(`${keyText(object)} ${object.action}${isDryRun ? " (dry run)" : ""}\n`);
    }
  }
  context.stderr.write(findingLines(response.findings, context.stderr.style));
  if (isDryRun || !input.isSet("watch")) {
    await writeResult(context, {
      data: {
        dryRun: isDryRun,
        revision: response.revision,
        objects: response.objects,
        rollout: plan.rollout,
      },
      table: () =>
        isDryRun ? "" : `\`tulle rollout status ${metadata.name} --watch\` follows it\n`,
    });
    return hasErrors(response.findings) ? EXIT_FINDINGS : EXIT_OK;
  }
  const ref = { namespace: metadata.namespace, name: metadata.name };
  return await follow(context, client, { ref, timeoutMs, after: runOf(runBefore) });
}

function runOf(rollout: Rollout | undefined): number {
  return rollout === undefined ? 0 : (stateOf(rollout)?.run ?? 0);
}

async function startAgain(
  context: CliContext,
  client: AdminClient,
  input: CommandInput,
  timeoutMs: number,
): Promise<number> {
  const flag = START_OPTIONS.find(({ name }) => input.isSet(name));
  if (flag !== undefined || input.isSet("dry-run")) {
    throw usageError(
      `--${flag?.name ?? "dry-run"} needs a version to start`,
      "write for example: tulle rollout start catalog v2",
    );
  }
  const name = rolloutName(input.argument("SERVICE"));
  const { ref, rollout } = await findRollout(context, client, name);
  const response = await client.rolloutAction(ref, { action: "start" });
  if (input.isSet("watch")) {
    return await follow(context, client, { ref, timeoutMs, after: runOf(rollout) });
  }
  await writeResult(context, {
    data: { rollout: ref, ...response },
    table: () => `rollout/${name} ${response.phase}: ${response.message}\n`,
  });
  return EXIT_OK;
}

/** Until a run later than `after` has ended. */
async function follow(
  context: CliContext,
  client: AdminClient,
  options: {
    readonly ref: { readonly namespace: string; readonly name: string };
    readonly timeoutMs: number;
    readonly after: number;
  },
): Promise<number> {
  const { after, ...rest } = options;
  const isEnd = (rollout: Rollout): boolean => hasEnded(rollout) && runOf(rollout) > after;
  const rollout = await watchRollout(context, client, { ...rest, isEnd });
  await writeResult(context, {
    data: rollout,
    table: () => (context.stdout.isTTY ? `${rolloutLine(rollout)}\n` : ""),
  });
  return exitCodeOf(rollout);
}

async function readRequest(
  context: CliContext,
  client: AdminClient,
  input: CommandInput,
  version: string,
) {
  const { namespace } = context.globals;
  const name = input.argument("SERVICE");
  const [services, rollouts] = await Promise.all([
    client.list("Service", { namespace }),
    client.list("Rollout", { namespace }),
  ]);
  // Stored objects have passed their schema, so that they have its type.
  const typed = services.items as readonly unknown[] as readonly Service[];
  const service = typed.find((one) => one.metadata.name === name);
  if (service === undefined) {
    throw failedError(`there is no service "${name}"`, "`tulle get services` lists them");
  }
  const view = await client.service({ namespace, name });
  return {
    service,
    services: typed,
    rollouts: rollouts.items as readonly unknown[] as readonly Rollout[],
    runningVersions: view.versions
      .filter((one) => one.version !== "" && one.endpoints.length > 0)
      .map((one) => one.version),
    to: version,
    from: input.optionalString("from"),
    strategy: strategyOf(input),
    analysis: analysisOf(input),
  };
}
