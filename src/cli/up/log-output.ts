/** The lines of many processes on one stream: each behind its padded, coloured name, never mixed within a line. */
import type { TextWriter } from "../context.ts";

/** SGR codes (ECMA-48) that can be told apart on dark and on light. Red is left for errors. */
const PALETTE = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94] as const;
const RESET = "\u001b[0m";
/** Names beyond this are cut, so that the lines begin at the same column. */
const NAME_WIDTH_MAX = 24;
/** Colours of the app are kept on a terminal; any other control character but tab would move the cursor. */
const COLOR = "\u001b\\[[0-9;]*m";
const COLOR_SEQUENCE = new RegExp(COLOR, "g");
const CONTROL = new RegExp(`(?!\t|${COLOR})\\p{Cc}`, "gu");

export class LogOutput {
  readonly #writer: TextWriter;
  readonly #width: number;
  readonly #prefixes = new Map<string, string>();

  /** `names` are all that will ever write: they decide width and colours. */
  constructor(writer: TextWriter, names: readonly string[]) {
    this.#writer = writer;
    this.#width = Math.min(NAME_WIDTH_MAX, Math.max(0, ...names.map((name) => name.length)));
    for (const [index, name] of names.entries())
      this.#prefixes.set(name, this.#prefix(name, index));
  }

  /** Writes one line of `name`. */
  line(name: string, text: string): void {
    const prefix = this.#prefixes.get(name) ?? this.#prefix(name, 0);
    this.#writer.write(`${prefix}${this.#clean(text)}\n`);
  }

  #prefix(name: string, index: number): string {
    const cut = name.length > this.#width ? `${name.slice(0, this.#width - 1)}…` : name;
    const text = `${cut.padEnd(this.#width)} |`;
    if (!this.#writer.style.hasColor) return `${text} `;
    return `\u001b[${PALETTE[index % PALETTE.length]}m${text}${RESET} `;
  }

  #clean(text: string): string {
    if (!this.#writer.style.hasColor) {
      return text.replaceAll(COLOR_SEQUENCE, "").replaceAll(CONTROL, "");
    }
    const clean = text.replaceAll(CONTROL, "");
    return clean.includes("\u001b") ? `${clean}${RESET}` : clean;
  }
}
