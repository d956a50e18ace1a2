/** A command line as words: spaces separate, quotes and backslashes keep together, as in a shell. Nothing is expanded. */

export type SplitCommand =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** Unquoted, these do something in a shell; here they would be passed on as they are, to nobody's joy. */
const SHELL_ONLY = /[|&;<>()`$*?]/;

export function splitCommand(line: string): SplitCommand {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let index = 0; index < line.length; index++) {
    const char = line.charAt(index);
    if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else if (char === "\\" && quote === '"') word = (word ?? "") + line.charAt(++index);
      else word = (word ?? "") + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "\\" && index + 1 < line.length) {
      word = (word ?? "") + line.charAt(++index);
    } else if (SHELL_ONLY.test(char)) {
      return {
        ok: false,
        message: `"${char}" is for a shell, and none runs here: quote it, or write the list [sh, -c, "…"]`,
      };
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote !== undefined) return { ok: false, message: `a quote ${quote} is not closed` };
  if (word !== undefined) words.push(word);
  return words.length === 0 ? { ok: false, message: "is empty" } : { ok: true, words };
}
