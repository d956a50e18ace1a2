/** How far a rotation is, on disk: whoever kills the control plane finds it where it was. */
import { readOptionalFile, replaceFile } from "../../identity/state-files.ts";
import type { RotationStep, RotationView } from "../ca-types.ts";

export const ROTATION_STEPS = [
  "prepare",
  "distribute",
  "activate",
  "re-issue",
  "retire",
] as const satisfies readonly RotationStep[];

export interface RotationRecord {
  /** Ids of roots. */
  readonly from: string;
  readonly to: string | null;
  readonly state: RotationView["state"];
  /** It pauses after this step. */
  readonly until: RotationStep;
  readonly skipDisconnected: boolean;
  /** Partners are not waited for. */
  readonly skipPartners?: boolean | undefined;
  /** Who signs changes, too; both for people. */
  readonly issuer?: { readonly from: string; readonly to: string } | undefined;
  readonly startedAtMs: number;
  readonly finishedAtMs: number | null;
  /** In order; when each was done. */
  readonly done: readonly { readonly step: RotationStep; readonly atMs: number }[];
}

/** Undefined when there was never one, or when the file cannot be understood: roots tell what is in force. */
export function readRotation(path: string): RotationRecord | undefined {
  const text = readOptionalFile(path);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as RotationRecord;
    const isGood =
      typeof record.from === "string" &&
      ROTATION_STEPS.includes(record.until) &&
      Array.isArray(record.done) &&
      record.done.every(({ step }, index) => step === ROTATION_STEPS[index]);
    return isGood ? record : undefined;
  } catch {
    return undefined;
  }
}

export function writeRotation(path: string, record: RotationRecord): void {
  replaceFile(path, `${JSON.stringify(record, null, 2)}\n`, 0o600);
}

/** The step to take next; undefined when all are done. */
export function nextStep({ done }: Pick<RotationRecord, "done">): RotationStep | undefined {
  return ROTATION_STEPS[done.length];
}
