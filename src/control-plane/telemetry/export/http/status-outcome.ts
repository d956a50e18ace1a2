/** What a status means for a batch, where the protocol says nothing of its own. */
import { refusedAll, retryAll, type SendOutcome, TAKEN } from "../export-target.ts";
import type { HttpAnswer } from "./http-sender.ts";

/** Of an error's text; it goes into logs and findings. */
const REASON_LENGTH_MAX = 300;

/** Somebody can mend these without us: a wrong password, a missing index, a server that starts. */
const REPEATED: ReadonlySet<number> = new Set([401, 403, 404, 407, 408, 425, 429]);
/** Repeating does not help where a server says that it cannot do such a thing. */
const NEVER: ReadonlySet<number> = new Set([501, 505]);

export function statusOutcome(batch: readonly Buffer[], answer: HttpAnswer): SendOutcome {
  const { status, afterMs } = answer;
  if (status >= 200 && status < 300) return TAKEN;
  if (status === 413) return { kind: "too-large", reason: reasonOf(answer) };
  const isRepeated = REPEATED.has(status) || (status >= 500 && !NEVER.has(status));
  return isRepeated ? retryAll(reasonOf(answer), afterMs) : refusedAll(batch, reasonOf(answer));
}

/** One line: the status, and what the answer says of it. */
export function reasonOf({ status, contentType, body }: HttpAnswer, text?: string): string {
  const isText = /json|text|xml/.test(contentType);
  const said = text ?? (isText ? body.toString("utf8", 0, 4 * REASON_LENGTH_MAX) : "");
  const line = said.replaceAll(/[^ -~\u{a0}-\u{10ffff}]+/gu, " ").trim();
  return `status ${status}${line === "" ? "" : `: ${line.slice(0, REASON_LENGTH_MAX)}`}`;
}
