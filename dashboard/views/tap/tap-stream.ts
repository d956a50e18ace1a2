/** Live requests as the API tells them: a stream of server-sent events that is read with the token of this tab. */
import type { ApiErrorBody } from "../../../src/control-plane/api-error-types.ts";
import type { TapEvent } from "../../../src/control-plane/telemetry-types.ts";
import { ApiFailure, authorization, isLoginNeeded } from "../../core/api.ts";

/** Of one event that has not ended yet. More is no event of ours. */
const EVENT_CHARS_MAX = 256 * 1024;

/** Calls `onEvents` with what came together. Ends with the stream or the signal; throws an ApiFailure when there is none. */
export async function readTap(
  url: string,
  signal: AbortSignal,
  onOpen: () => void,
  onEvents: (events: readonly TapEvent[]) => void,
): Promise<void> {
  const headers = { accept: "text/event-stream", ...authorization() };
  const answer = await fetch(url, { headers, signal });
  if (!answer.ok || answer.body === null) throw await failureOf(answer);
  onOpen();
  let rest = "";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    if (rest.length > EVENT_CHARS_MAX) throw new ApiFailure(0, "The stream holds no events.");
    const events = blocks.flatMap(eventOf);
    if (events.length > 0) onEvents(events);
  }
}

async function failureOf(answer: Response): Promise<ApiFailure> {
  if (answer.status === 401) isLoginNeeded.value = true;
  const body = (await answer.json().catch(() => undefined)) as ApiErrorBody | undefined;
  const message = body?.error.message ?? `The control plane answered ${answer.status}.`;
  return new ApiFailure(answer.status, message, body?.error.hint);
}

/** WHATWG HTML 9.2.6, as far as the API uses it. */
function eventOf(block: string): readonly TapEvent[] {
  const lines = block.split("\n");
  if (!lines.includes("event: request")) return [];
  const data = lines
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice("data: ".length));
  return [JSON.parse(data.join("\n")) as TapEvent];
}
