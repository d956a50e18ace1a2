/** Reads server-sent events (HTML, section 9.2.6) from a stream of bytes: their names and data, comments left out. */

/** One event is far smaller. */
const EVENT_LENGTH_MAX = 4 * 1024 * 1024;

export interface ServerSentEvent {
  /** `message` where none is named. */
  readonly event: string;
  readonly data: string;
}

/** Throws when an event has no end within its bound. An event that is cut off by the end of the stream is dropped. */
export async function* serverSentEvents(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of bytes) {
    text += decoder.decode(chunk, { stream: true });
    // A CR at the end may be half of a CRLF: it waits.
    const isHalf = text.endsWith("\r");
    const normal = (isHalf ? text.slice(0, -1) : text).replace(/\r\n?/g, "\n");
    const blocks = normal.split("\n\n");
    text = (blocks.pop() ?? "") + (isHalf ? "\r" : "");
    if (text.length > EVENT_LENGTH_MAX) throw new Error("an event has no end");
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

/** Undefined for comments alone. */
function parseEvent(block: string): ServerSentEvent | undefined {
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field, value = ""] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
  }
  return data.length === 0 ? undefined : { event, data: data.join("\n") };
}
