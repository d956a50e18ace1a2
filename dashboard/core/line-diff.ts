/** What changes between two short texts, line by line. */

export interface DiffLine {
  readonly kind: "same" | "removed" | "added" | "skipped";
  readonly text: string;
}

/** Lines around a change that are shown, too. */
const CONTEXT = 3;

/** By the longest common subsequence. Time and memory are the product of both lengths: for objects, not for logs. */
export function lineDiff(before: string, after: string): readonly DiffLine[] {
  const [a, b] = [before.trimEnd().split("\n"), after.trimEnd().split("\n")];
  // common[i][j]: the most lines that a from i and b from j share.
  const common = Array.from({ length: a.length + 1 }, () =>
    new Array<number>(b.length + 1).fill(0),
  );
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    const row = common[i];
    for (let j = b.length - 1; j >= 0 && row !== undefined; j--) {
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [old = "", next = ""] = [a[i], b[j]];
    if (i < a.length && j < b.length && old === next) {
      lines.push({ kind: "same", text: old });
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ kind: "removed", text: old });
      i++;
    } else {
      lines.push({ kind: "added", text: next });
      j++;
    }
  }
  return withoutFar(lines);
}

/** Only what is near a change; one line stands for each part that is left out. */
function withoutFar(lines: readonly DiffLine[]): readonly DiffLine[] {
  const isNear = (index: number): boolean =>
    lines
      .slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1)
      .some(({ kind }) => kind !== "same");
  const kept: DiffLine[] = [];
  for (const [index, line] of lines.entries()) {
    if (isNear(index)) kept.push(line);
    else if (kept.at(-1)?.kind !== "skipped") kept.push({ kind: "skipped", text: "…" });
  }
  return kept;
}
