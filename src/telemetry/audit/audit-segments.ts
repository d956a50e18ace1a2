/** The files of an audit log: segments with rising numbers in one folder, read here by whoever verifies or searches. */
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const SEGMENT = /^audit-(\d{8})\.jsonl$/;

export interface AuditSegment {
  readonly number: number;
  readonly path: string;
}

/** `audit-00000001.jsonl`. */
export function segmentPath(folder: string, number: number): string {
  return join(folder, `audit-${String(number).padStart(8, "0")}.jsonl`);
}

/** Oldest first. None when there is no such folder. */
export function listSegments(folder: string): readonly AuditSegment[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .flatMap((name) => {
      const number = Number(SEGMENT.exec(name)?.[1] ?? 0);
      return number === 0 ? [] : [{ number, path: join(folder, name) }];
    })
    .sort((a, b) => a.number - b.number);
}

/** The lines of a segment, and what follows its last line feed: bytes of a record that was not written whole. */
export async function readSegment(
  path: string,
): Promise<{ readonly lines: readonly string[]; readonly tail: string }> {
  const lines = (await readFile(path, "utf8")).split("\n");
  const tail = lines.pop() ?? "";
  return { lines, tail };
}
