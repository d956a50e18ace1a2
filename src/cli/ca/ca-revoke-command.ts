/** `tulle ca revoke`: an identity, a certificate or an instance has no access any more. */

import type { Command, CommandInput } from "../command.ts";
import { applyFiles } from "../commands/apply-command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_FINDINGS, EXIT_OK } from "../exit-codes.ts";
import { objectName } from "../kinds.ts";
import { writeResult } from "../output/write-result.ts";
import { WAIT_OPTIONS, waitForRevision } from "../wait-for-revision.ts";
import { TARGET_ARGUMENT, TARGET_OPTIONS, targetOf } from "./revocation-target.ts";

export const command: Command = {
  name: "ca revoke",
  summary: "Take access away from an identity, a certificate or an instance",
  description: `Sidecars refuse its connections, close those that are open, and the control plane serves it no more, within a second. It is written down as a Revocation and lasts until \`tulle ca unrevoke\`.

An identity is revoked for all its instances, and no certificate is issued to it. --instance means the certificates that this one instance holds; --serial one certificate, whose holder can get another one.`,
  examples: [
    {
      line: "tulle ca revoke spiffe://tulle.local/ns/default/sa/orders --reason 'key in a log'",
      summary: "Every instance of orders",
    },
    { line: "tulle ca revoke --instance orders-v1-x7k2p --wait", summary: "One instance" },
    { line: "tulle ca revoke --serial 4badc0de", summary: "One certificate" },
  ],
  arguments: [TARGET_ARGUMENT],
  options: [
    ...TARGET_OPTIONS,
    { name: "reason", value: "TEXT", default: "", summary: "Why, for those who read it later" },
    ...WAIT_OPTIONS,
  ],
  formats: ["table", "json", "yaml", "name"],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const target = targetOf(input, context.globals.namespace);
  const client = await context.adminClient();
  const object = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "Revocation",
    metadata: { name: target.name },
    spec: { ...target.spec, reason: input.string("reason") },
  };
  const files = [{ name: "tulle ca revoke", text: JSON.stringify(object) }];
  const response = await applyFiles(context, client, files, false);
  if (response === undefined) return EXIT_FINDINGS;
  if (input.isSet("wait")) {
    await waitForRevision(context, { client, revision: response.revision, timeoutMs });
  }
  await writeResult(context, {
    data: { revocation: object, revision: response.revision },
    names: [objectName("Revocation", target.name)],
    table: () => `${target.text} is revoked (revocation ${target.name})\n`,
  });
  return EXIT_OK;
}
