/** `tulle authz suggest`: the least policies that let in what was seen, and what they would have denied of it. */
import type { AuthzSuggestResponse, SuggestLevel } from "../../control-plane/authz-types.ts";
import type { AdminClient } from "../admin-client.ts";
import { instantOf } from "../audit/audit-options.ts";
import type { Command, CommandInput } from "../command.ts";
import { applyFiles } from "../commands/apply-command.ts";
import type { CliContext } from "../context.ts";
import { failedError, usageError } from "../errors.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { findingLines, hasErrors } from "../findings.ts";
import { writeResult } from "../output/write-result.ts";
import { WAIT_OPTIONS, waitForRevision } from "../wait-for-revision.ts";
import { readAccessLogs } from "./read-access-logs.ts";
import { policiesYaml, suggestionTable } from "./suggestion-text.ts";

const LEVELS = ["identity", "method", "path"] as const satisfies readonly SuggestLevel[];

export const command: Command = {
  name: "authz suggest",
  summary: "Write least-privilege policies from observed traffic",
  description: `Writes an ALLOW AuthorizationPolicy for each service that was called, with a rule for each caller that was seen, and nothing for anybody else. Then it judges everything that was seen by the policies in force and the suggested ones, as the sidecars would, and tells what would have been denied.

What is seen comes from the counters of the called sidecars: who called since they started. With --from-log it comes from JSON access logs of sidecars, which know methods and paths, too; segments of paths that look like ids become {*}.

What was seen only once, or ended in 401, 403 or 404 each time, is told and not allowed, unless --include-failed is given. Callers without an identity are never allowed.

The YAML goes to \`tulle apply -f -\` as it is. With --dry-run the policies are written under dry run: applied, they count what they would deny and deny nothing.`,
  examples: [
    { line: "tulle authz suggest catalog -o yaml", summary: "Who calls catalog, as a policy" },
    {
      line: "tulle authz suggest --from-log access.log --since 24h --apply --dry-run --wait",
      summary: "Policies of a day's methods and paths, to be watched before they deny",
    },
  ],
  arguments: [
    {
      name: "SERVICE",
      summary: "Default: every service",
      completion: { kind: "names", of: { kind: "Service" } },
    },
  ],
  options: [
    {
      name: "from-log",
      value: "FILE",
      isMultiple: true,
      summary: "A JSON access log of called sidecars, or - for standard input",
      completion: { kind: "files" },
    },
    {
      name: "since",
      value: "TIME",
      summary: "Of logs, not before: 24h (ago), or 2026-11-26T08:00:00Z",
    },
    {
      name: "level",
      value: "LEVEL",
      choices: LEVELS,
      summary:
        "How much rules say: who, with which method, at which path. Default: as much as is known",
    },
    { name: "include-failed", summary: "Allow what was seen once or failed, too" },
    { name: "dry-run", summary: "Write policies that deny nothing and count what they would deny" },
    { name: "apply", summary: "Apply the policies" },
    ...WAIT_OPTIONS,
  ],
  formats: ["table", "yaml", "json"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const isApplied = input.isSet("apply");
  if (input.isSet("wait") && !isApplied) {
    throw usageError("--wait is for --apply", "leave it out, or add --apply");
  }
  const client = await context.adminClient();
  const response = await suggestionOf(context, input, client);
  await writeSuggestion(context, response);
  return isApplied ? applied(context, input, { client, response }) : EXIT_OK;
}

async function suggestionOf(
  context: CliContext,
  input: CommandInput,
  client: AdminClient,
): Promise<AuthzSuggestResponse> {
  const files = input.strings("from-log");
  const level = input.optionalString("level") as SuggestLevel | undefined;
  const service = input.optionalArgument("SERVICE");
  const since = instantOf(context, input, "since");
  const isFromLog = files.length > 0;
  if (since !== undefined && !isFromLog) {
    throw usageError("--since is for --from-log", "counters count since the sidecars started");
  }
  if (!isFromLog && level !== undefined && level !== "identity") {
    throw usageError(
      `--level ${level} needs --from-log`,
      "counters of sidecars tell neither methods nor paths; access logs do",
    );
  }
  const calls = isFromLog ? await callsOf(context, files, since) : undefined;
  return client.suggestAuthorization({
    ...{ namespace: context.globals.namespace },
    ...{ includeFailed: input.isSet("include-failed"), dryRun: input.isSet("dry-run") },
    ...(service === undefined ? {} : { service }),
    ...(level === undefined ? {} : { level }),
    ...(calls === undefined ? {} : { calls }),
  });
}

async function callsOf(context: CliContext, files: readonly string[], since: string | undefined) {
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const { calls, told, outbound, overflow } = await readAccessLogs(context, files, sinceMs);
  if (told === 0) {
    const hint =
      outbound > 0
        ? "its lines are those of callers; only sidecars of called workloads know who calls"
        : "access logs are JSON lines with start_time, method, path and source_principal; see spec.accessLog of MeshConfig";
    throw failedError(`no line of ${files.join(", ")} tells of a call`, hint);
  }
  if (overflow > 0) {
    context.stderr.write(`${overflow} calls were of too many kinds and are left out\n`);
  }
  return calls;
}

async function writeSuggestion(context: CliContext, response: AuthzSuggestResponse): Promise<void> {
  const { stdout, globals } = context;
  if (globals.output === "yaml") {
    stdout.write(await policiesYaml(response));
    return;
  }
  await writeResult(context, {
    data: response,
    table: () => suggestionTable(response, { style: stdout.style, width: stdout.columns }),
  });
}

async function applied(
  context: CliContext,
  input: CommandInput,
  { client, response }: { readonly client: AdminClient; readonly response: AuthzSuggestResponse },
): Promise<number> {
  if (response.policies.length === 0) throw failedError("nothing was seen that could be allowed");
  const text = response.policies.map(({ policy }) => JSON.stringify(policy)).join("\n---\n");
  const result = await applyFiles(context, client, [{ name: "suggested.yaml", text }], false);
  if (result === undefined) return EXIT_FINDINGS;
  const { stderr, globals } = context;
  if (!globals.isQuiet) {
    for (const { name, action } of result.objects) {
      stderr.write(`AuthorizationPolicy ${name} ${action}\n`);
    }
  }
  stderr.write(findingLines(result.findings, stderr.style));
  if (input.isSet("wait")) {
    const timeoutMs = input.durationMs("timeout");
    await waitForRevision(context, { client, revision: result.revision, timeoutMs });
  }
  return hasErrors(result.findings) ? EXIT_FINDINGS : EXIT_OK;
}
