/** Asking again and again, first quickly and then less so, for states that send no event. */

const DELAY_MS_FIRST = 10;
const DELAY_MS_MAX = 200;

/**
 * Resolves with the first answer of `ask` that is not undefined; with undefined when `signal` aborts first.
 * Delays double from 10 ms to 200 ms.
 */
export async function waitUntil<T>(
  ask: () => Promise<T | undefined>,
  signal: AbortSignal,
): Promise<T | undefined> {
  let delayMs = DELAY_MS_FIRST;
  while (!signal.aborted) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await pause(delayMs, signal);
    delayMs = Math.min(DELAY_MS_MAX, delayMs * 2);
  }
  return undefined;
}

/** Resolves after `ms`, or as soon as `signal` aborts. Holds the process. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish, { once: true });
  });
}
