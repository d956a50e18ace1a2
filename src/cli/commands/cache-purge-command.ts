/** `tulle cache purge`: makes the caches of a service forget responses, by a line in their CachePolicy. */
import { randomUUID } from "node:crypto";
import type { ResourceObject } from "../../control-plane/api-types.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { fetchOne } from "../fetch-objects.ts";
import { recordsAt } from "../json-view.ts";
import { parseKind } from "../kinds.ts";
import { writeResult } from "../output/write-result.ts";
import { WAIT_OPTIONS, waitForRevision } from "../wait-for-revision.ts";

/** A policy lists no more purges: the oldest make way. Caches have long forgotten what they say. */
const PURGES_MAX = 64;

export const command: Command = {
  name: "cache purge",
  summary: "Make the caches of a service forget responses, by path or tag",
  description:
    "Adds a purge to the CachePolicy. Every sidecar that keeps responses by the policy carries it out once. With --path and --tag responses go that both hold for.",
  examples: [
    {
      line: "tulle cache purge catalog --path '/items/*' --wait",
      summary: "All items, everywhere",
    },
    { line: "tulle cache purge catalog --tag item-7", summary: "By a tag of the app's responses" },
  ],
  arguments: [
    {
      name: "POLICY",
      summary: "A CachePolicy",
      isRequired: true,
      completion: { kind: "names", of: { kind: "CachePolicy" } },
    },
  ],
  options: [
    { name: "path", value: "PATH", summary: "Responses for this path; * at its end for a prefix" },
    { name: "tag", value: "TAG", summary: "Responses with this tag" },
    ...WAIT_OPTIONS,
  ],
  formats: ["table", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const path = input.optionalString("path");
  const tag = input.optionalString("tag");
  if (path === undefined && tag === undefined) {
    throw usageError("neither --path nor --tag is given", "--path '/*' forgets everything");
  }
  const kind = parseKind("CachePolicy");
  const client = await context.adminClient();
  const policy = await fetchOne(context, client, kind, input.argument("POLICY"));
  const purge = {
    id: randomUUID(),
    ...(path === undefined ? {} : { path }),
    ...(tag === undefined ? {} : { tag }),
  };
  const text = JSON.stringify(withPurge(policy, purge));
  const { revision } = await client.apply({ files: [{ name: "cache purge", text }] });
  if (input.isSet("wait")) await waitForRevision(context, { client, revision, timeoutMs });
  const { name } = policy.metadata;
  await writeResult(context, {
    data: { policy: name, purge, revision },
    names: [purge.id],
    table: () => `purged the caches of ${name}: ${whatOf(path, tag)}\n`,
  });
  return EXIT_OK;
}

/** Its resourceVersion goes along: a change by somebody else in between is a conflict, not lost. */
function withPurge({ status: _, ...policy }: ResourceObject, purge: object): object {
  const purges = [...recordsAt(policy.spec, "purges"), purge].slice(-PURGES_MAX);
  return { ...policy, spec: { ...policy.spec, purges } };
}

function whatOf(path: string | undefined, tag: string | undefined): string {
  const parts = [
    ...(path === undefined ? [] : [`path ${path}`]),
    ...(tag === undefined ? [] : [`tag ${tag}`]),
  ];
  return parts.join(" with ");
}
