/** A command line as words: spaces separate, quotes and backslashes keep together, as in a shell. Nothing is expanded. */

export type SplitCommand =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** One piece of a line; adjacent pieces other than spaces make one word. */
const PIECE =
  /(?<space>\s+)|'(?<single>[^']*)'|"(?<double>(?:\\.|[^"\\])*)"|\\(?<escaped>.)|(?<shell>[|&;<>()`$*?])|(?<open>['"])|(?<plain>.)/gsu;

export function splitCommand(line: string): SplitCommand {
  const words: string[] = [];
  let word: string | undefined;
  for (const { groups = {} } of line.matchAll(PIECE)) {
    const { space, single, double, escaped, shell, open, plain } = groups;
    if (open !== undefined) return { ok: false, message: `a quote ${open} is not closed` };
    // Unquoted, these do something in a shell; here they would be passed on as they are, to nobody's joy.
    if (shell !== undefined) {
      return {
        ok: false,
        message: `"${shell}" is for a shell, and none runs here: quote it, or write the list [sh, -c, "…"]`,
      };
    }
    if (space === undefined) {
      word = (word ?? "") + (single ?? double?.replaceAll(/\\(.)/gs, "$1") ?? escaped ?? plain);
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return words.length === 0 ? { ok: false, message: "is empty" } : { ok: true, words };
}
