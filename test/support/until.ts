/** Waiting for what no event tells of: a condition is looked at until it holds, rarely enough to leave the machine to others. */
import { setTimeout as delay } from "node:timers/promises";

/** Only a test that waits for what never happens gets here. */
const UNTIL_MS_MAX = 60_000;
/** For so long each turn of the event loop looks: most of what is waited for is a message under way. */
const EAGER_MS = 5;
const POLL_MS = 5;

/** Resolves once the condition holds; rejects after a minute. */
export async function until(condition: () => boolean): Promise<void> {
  await answerThat(condition, (holds) => holds);
}

/** The first answer that is as wanted. Rejects with the last one after a minute. */
export async function answerThat<T>(
  ask: () => T | Promise<T>,
  isWanted: (answer: T) => boolean,
): Promise<T> {
  const startMs = performance.now();
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    const waitedMs = performance.now() - startMs;
    if (waitedMs > UNTIL_MS_MAX) {
      throw new Error(`never: ${isWanted} of ${ask}; last: ${JSON.stringify(answer)}`);
    }
    await (waitedMs < EAGER_MS ? new Promise(setImmediate) : delay(POLL_MS));
  }
}
