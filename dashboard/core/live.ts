/**
 * Answers of the API that stay fresh: asked again every few seconds while somebody looks at them, kept for a while when
 * nobody does, so that the way back shows figures at once.
 */
import { type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ApiFailure, apiUrl, getJson, isLoginNeeded, type Query } from "./api.ts";
import { nowMs } from "./now.ts";
import { share } from "./share.ts";
import { timeRange } from "./time-range.ts";

/** How often figures are asked for. */
const POLL_MS = 5_000;
/** Answers that are kept though nobody looks at them. */
const KEPT_MAX = 24;

/** What is known of an answer. Old figures stay while there is an error. */
export interface Live<T> {
  readonly data: T | undefined;
  readonly failure: ApiFailure | undefined;
}

/** Whether the user has stopped the figures from changing. */
export const isPaused = signal(false);
/** When figures came last, in milliseconds since the epoch; 0 before. */
export const updatedMs = signal(0);
/** Whether the last question had no answer. */
export const isOffline = signal(false);

class LiveAnswer {
  readonly url: string;
  readonly state: Signal<Live<unknown>> = signal({ data: undefined, failure: undefined });
  users = 0;
  #asking: AbortController | undefined;

  constructor(url: string) {
    this.url = url;
  }

  async ask(): Promise<void> {
    if (this.#asking !== undefined) return;
    const asking = new AbortController();
    this.#asking = asking;
    const { data } = this.state.peek();
    try {
      const next = share(data, await getJson<unknown>(this.url, asking.signal));
      if (next !== data || this.state.peek().failure !== undefined) {
        this.state.value = { data: next, failure: undefined };
      }
      updatedMs.value = Date.now();
      nowMs.value = updatedMs.value;
      isOffline.value = false;
    } catch (error) {
      if (asking.signal.aborted) return;
      const failure = error instanceof ApiFailure ? error : new ApiFailure(0, String(error));
      isOffline.value = failure.status === 0;
      this.state.value = { data, failure };
    } finally {
      if (this.#asking === asking) this.#asking = undefined;
    }
  }

  forget(): void {
    this.#asking?.abort();
    this.#asking = undefined;
  }
}

const answers = new Map<string, LiveAnswer>();

function answerOf(url: string): LiveAnswer {
  const known = answers.get(url);
  // The newest stand last.
  answers.delete(url);
  const answer = known ?? new LiveAnswer(url);
  answers.set(url, answer);
  for (const [name, { users }] of answers) {
    if (answers.size <= KEPT_MAX) break;
    if (users === 0 && name !== url) answers.delete(name);
  }
  return answer;
}

/** The answer to `GET /api/v1PATH`, followed. `path` null asks nothing. */
export function useLive<T>(path: string | null, query: Query = {}): Live<T> {
  const url = path === null ? null : apiUrl(path, query);
  const answer = useMemo(() => (url === null ? undefined : answerOf(url)), [url]);
  useEffect(() => {
    if (answer === undefined) return undefined;
    answer.users++;
    void answer.ask();
    return () => {
      answer.users--;
      if (answer.users === 0) answer.forget();
    };
  }, [answer]);
  return (answer?.state.value ?? { data: undefined, failure: undefined }) as Live<T>;
}

/** Asks for everything that is shown. */
export function refresh(): void {
  for (const answer of answers.values()) {
    if (answer.users > 0) void answer.ask();
  }
}

/** Begins to keep figures fresh. Called once. A page that nobody sees, or a range that is past, asks nothing. */
export function startPolling(): void {
  setInterval(() => {
    const isIdle = document.hidden || isPaused.value || isLoginNeeded.value;
    if (!isIdle && timeRange.value.kind === "live") refresh();
  }, POLL_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !isPaused.value) refresh();
  });
}
