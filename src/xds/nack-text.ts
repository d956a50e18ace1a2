/** The message of a NACK: every bad field of every bad resource, so that one round trip tells all. */
import { NACK_TEXT_CHARS_MAX } from "./limits.ts";
import type { ResourceError } from "./resource-consumer.ts";

/** "name: first violation; second violation | other: …". Cut at a bound that says how much is left out. */
export function nackText(errors: readonly ResourceError[]): string {
  const byName = new Map<string, string[]>();
  for (const { name, message } of errors) {
    const messages = byName.get(name);
    if (messages === undefined) byName.set(name, [message]);
    else messages.push(message);
  }
  const parts = [...byName].map(([name, messages]) =>
    name === "" ? messages.join("; ") : `${name}: ${messages.join("; ")}`,
  );
  let text = "";
  for (const [index, part] of parts.entries()) {
    const next = index === 0 ? part : `${text} | ${part}`;
    if (next.length > NACK_TEXT_CHARS_MAX) {
      const rest = ` | … and ${parts.length - index} more`;
      return `${(index === 0 ? part : text).slice(0, NACK_TEXT_CHARS_MAX)}${rest}`;
    }
    text = next;
  }
  return text;
}
