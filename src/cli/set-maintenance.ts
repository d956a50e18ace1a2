/** Takes instances out of service for maintenance, and puts them back: what `tulle drain` and `tulle undrain` share. */
import type { InstanceActionRequest } from "../control-plane/action-types.ts";
import type { InstanceView } from "../control-plane/api-types.ts";
import type { ArgumentSpec, CommandInput, OptionSpec } from "./command.ts";
import type { CliContext } from "./context.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { objectName } from "./kinds.ts";
import { writeResult } from "./output/write-result.ts";
import { WAIT_OPTIONS, waitForRevision } from "./wait-for-revision.ts";

type Action = InstanceActionRequest["action"];

export const INSTANCES: ArgumentSpec = {
  name: "INSTANCE",
  summary: "Names of instances, as `tulle get workloads` lists them",
  isRequired: true,
  isVariadic: true,
  completion: { kind: "names", of: { kind: "Workload" } },
};

export const MAINTENANCE_OPTIONS: readonly OptionSpec[] = WAIT_OPTIONS;

export async function setMaintenance(
  context: CliContext,
  input: CommandInput,
  action: Action,
): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const client = await context.adminClient();
  const { namespace } = context.globals;
  const instances: InstanceView[] = [];
  for (const name of input.variadic("INSTANCE")) {
    const { instance } = await client.instanceAction({ namespace, name }, { action });
    instances.push(instance);
  }
  if (input.isSet("wait")) {
    // The control plane writes down what it was told before it hands it out.
    const { revision } = await client.version();
    await waitForRevision(context, { client, revision, timeoutMs });
  }
  await writeResult(context, {
    data: { action, instances },
    names: instances.map(({ name }) => objectName("Workload", name)),
    table: () => instances.map((view) => `${resultText(action, view)}\n`).join(""),
  });
  return EXIT_OK;
}

function resultText(action: Action, view: InstanceView): string {
  if (action === "drain") return `${view.name} is drained: it gets no new requests`;
  return view.serving
    ? `${view.name} is back in service`
    : `${view.name} is not drained any more; it is ${view.state} and gets no requests yet`;
}
