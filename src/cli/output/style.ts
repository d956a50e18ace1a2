/** Colours and marks for a terminal. Every function returns its text unchanged when colours are off. */

export type ColorMode = "auto" | "always" | "never";

export interface Style {
  readonly hasColor: boolean;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  blue(text: string): string;
  cyan(text: string): string;
}

/**
 * Whether to colour what goes to a stream. `--color` beats everything, then NO_COLOR (https://no-color.org: any
 * non-empty value), FORCE_COLOR, and whether the stream is a terminal that is not `dumb`.
 */
export function isColorWanted(options: {
  readonly mode: ColorMode;
  readonly isTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}): boolean {
  const { mode, isTTY, env } = options;
  if (mode !== "auto") return mode === "always";
  if ((env["NO_COLOR"] ?? "") !== "") return false;
  const force = env["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  return isTTY && env["TERM"] !== "dumb";
}

export function createStyle(hasColor: boolean): Style {
  const paint =
    (open: number, close: number) =>
    (text: string): string =>
      hasColor && text !== "" ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    hasColor,
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    blue: paint(34, 39),
    cyan: paint(36, 39),
  };
}
