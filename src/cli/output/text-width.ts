/**
 * How many columns of a terminal a text takes, and cutting it to fit. Control characters are made visible
 * first: what comes from a resource or a proxy must not move the cursor or recolour the terminal.
 */

export const ELLIPSIS = "…";

/** Replaces line breaks by spaces and other control characters by their escape. Colours included. */
export function printable(text: string): string {
  return text
    .replace(/\s*[\r\n]+\s*/g, " ")
    .replaceAll("\t", " ")
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, escapeCharacter);
}

/** Columns that a printable text takes: two for East Asian wide characters and emoji, none for marks. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** The text itself when it fits in `width` columns, else as much as fits with an ellipsis. */
export function fitText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const character of text) {
    used += characterWidth(character);
    if (used > width - 1) break;
    kept += character;
  }
  return width < 1 ? "" : kept + ELLIPSIS;
}

/** Breaks at spaces so that each line takes at most `width` columns; a longer word has its own line. */
export function wrapText(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (/\p{Mark}|\p{Default_Ignorable_Code_Point}/u.test(character)) return 0;
  return isWide(code) ? 2 : 1;
}

/** The blocks whose characters are wide (Unicode Standard Annex 11), without its few exceptions. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}

function escapeCharacter(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}
