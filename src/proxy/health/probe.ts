/** How one endpoint is asked whether it is well. A probe belongs to one endpoint and asks one thing at a time. */

export interface ProbeHandler {
  /** `isDegraded`: the endpoint asks to be used only when others are not enough. */
  onProbePassed(isDegraded: boolean): void;
  onProbeFailed(failure: ProbeFailure): void;
}

export interface ProbeFailure {
  /** `answer`: the endpoint says that it is not well. */
  readonly kind: "answer" | "network" | "timeout";
  /** Of an answer: several of them are needed. */
  readonly isRetriable: boolean;
  /** For logs. */
  readonly reason: string;
}

export interface Probe {
  /** The handler hears of the result once, in a later turn of the event loop. Only while nothing else is asked. */
  begin(): void;
  /** The result is not waited for any longer, and not told. */
  giveUp(): void;
  /** Ends its connection. Nothing is told any more. */
  close(): void;
}

export function networkFailure(reason: string): ProbeFailure {
  return { kind: "network", isRetriable: false, reason };
}

export function badAnswer(reason: string, isRetriable = false): ProbeFailure {
  return { kind: "answer", isRetriable, reason };
}

/** Whether the bytes contain these parts in this order. */
export function containsInOrder(bytes: Buffer, parts: readonly Buffer[]): boolean {
  let at = 0;
  for (const part of parts) {
    const found = bytes.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}
