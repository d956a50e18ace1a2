/**
 * Traces that somebody has found worth keeping: spans of theirs that end later are told, too. The last
 * WANTED_TRACES_MAX of them; looking one up is reading a few words.
 */
import { WANTED_TRACES_MAX } from "../../core/limits.ts";
import { TRACE_WORDS } from "./trace-context.ts";

/** A trace has one place, by its last word: a new one takes it over. */
const PLACES = WANTED_TRACES_MAX;

export class WantedTraces {
  readonly #words = new Int32Array(PLACES * TRACE_WORDS);
  #isEmpty = true;

  /** Returns false for one that is known. */
  add(trace: Int32Array): boolean {
    if (this.has(trace)) return false;
    this.#isEmpty = false;
    this.#words.set(trace.subarray(0, TRACE_WORDS), placeOf(trace));
    return true;
  }

  has(trace: Int32Array): boolean {
    if (this.#isEmpty) return false;
    const at = placeOf(trace);
    const words = this.#words;
    return (
      words[at + 3] === trace[3] &&
      words[at + 2] === trace[2] &&
      words[at + 1] === trace[1] &&
      words[at] === trace[0]
    );
  }
}

function placeOf(trace: Int32Array): number {
  return ((trace[3]! ^ trace[2]!) & (PLACES - 1)) * TRACE_WORDS;
}
