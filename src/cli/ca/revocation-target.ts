/** Whom `tulle ca revoke` and `unrevoke` mean, and the object that says so. */
import { createHash } from "node:crypto";
import { canonicalSerial, canonicalWorkloadId } from "../../identity/deny-list.ts";
import type { ArgumentSpec, CommandInput, OptionSpec } from "../command.ts";
import { usageError } from "../errors.ts";

export interface RevocationTarget {
  /** Of the object: the same for the same target. */
  readonly name: string;
  /** The part of its spec. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** For messages. */
  readonly text: string;
}

export const TARGET_ARGUMENT: ArgumentSpec = {
  name: "SPIFFE-ID",
  summary: "An identity: spiffe://tulle.local/ns/default/sa/orders",
};

export const TARGET_OPTIONS: readonly OptionSpec[] = [
  {
    name: "serial",
    value: "SERIAL",
    summary: "One certificate, by its serial number in hexadecimal",
  },
  {
    name: "instance",
    value: "NAME",
    summary: "One instance, with all its certificates",
    completion: { kind: "names", of: { kind: "Workload" } },
  },
];

/** Throws a usage error unless exactly one is named. */
export function targetOf(input: CommandInput, namespace: string): RevocationTarget {
  const id = input.optionalArgument("SPIFFE-ID");
  const serialText = input.optionalString("serial");
  const instance = input.optionalString("instance");
  if ([id, serialText, instance].filter((one) => one !== undefined).length !== 1) {
    throw usageError(
      "give one of SPIFFE-ID, --serial and --instance",
      "for example: tulle ca revoke spiffe://tulle.local/ns/default/sa/orders",
    );
  }
  if (id !== undefined) {
    const spiffeId = canonicalWorkloadId(id);
    if (spiffeId === undefined) throw usageError(`${id} is no SPIFFE id of a workload`);
    const last = spiffeId.split("/").at(-1) ?? "";
    return { name: nameOf(`id-${last}`, spiffeId), spec: { spiffeId }, text: spiffeId };
  }
  if (serialText !== undefined) {
    const serial = canonicalSerial(serialText);
    if (serial === undefined) {
      throw usageError(
        `${serialText} is no serial number`,
        "hexadecimal, as tulle ca status -o json and the log have it",
      );
    }
    return { name: `serial-${serial}`, spec: { serial }, text: `certificate ${serial}` };
  }
  const name = instance ?? "";
  return {
    name: nameOf(`instance-${name}`, `${namespace}/${name}`),
    spec: { instance: { namespace, name } },
    text: `instance ${namespace}/${name}`,
  };
}

/** A name that Kubernetes would take, and that no other target gets. */
function nameOf(readable: string, whole: string): string {
  const hash = createHash("sha256").update(whole).digest("hex").slice(0, 8);
  const clean = readable
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 100);
  return `${clean}-${hash}`;
}
