/** The ends of event-loop turns, held back: what the proxy leaves for the end of a turn runs when the benchmark says so. */

/** A turn's end leaves something for another one where it waits for more: a few times, and never more often than this. */
const ENDS_MAX = 16;

let due: (() => void)[] = [];

/** From now on `setImmediate` waits for `endTurn`. Returns the runtime's own. */
export function holdTurns(): (callback: () => void) => void {
  const own = globalThis.setImmediate;
  const held: unknown = (callback: () => void): void => {
    due.push(callback);
  };
  globalThis.setImmediate = held as typeof setImmediate;
  return own;
}

export function endTurn(): void {
  for (let i = 0; i < ENDS_MAX && due.length > 0; i++) {
    const now = due;
    due = [];
    for (const callback of now) callback();
  }
}
