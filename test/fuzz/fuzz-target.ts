/** What a codec under fuzzing looks like to those that run it: the fuzzer, and the test over the stored corpus. */

export interface FuzzTarget {
  /** As the command line and the corpus call it. */
  readonly name: string;
  /** Throws when a promise of the codec is broken. Must not change `data` nor keep it. */
  readonly fuzz: (data: Buffer) => void;
  /** Inputs to begin with, most of them well-formed. */
  readonly seeds: () => readonly Buffer[];
  /** Longest input that the fuzzer makes up, in bytes. */
  readonly inputBytesMax: number;
}

/** Fails the input. Cheaper than `node:assert`, which builds its message in any case. */
export function must(isTrue: boolean, promise: string): void {
  if (!isTrue) throw new Error(promise);
}
