/** Signals of this process as calls. Kept apart so that commands themselves never touch `process`. */

/** Calls `onSignal` for each of `names` until the returned function is called. */
export function listenToSignals(
  names: readonly NodeJS.Signals[],
  onSignal: (signal: NodeJS.Signals) => void,
): () => void {
  for (const name of names) process.on(name, onSignal);
  return () => {
    for (const name of names) process.off(name, onSignal);
  };
}
