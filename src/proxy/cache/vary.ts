/** Which of the responses for one URI a request may get (RFC 9111 section 4.1). Pure. */
import type { HeaderView } from "./header-view.ts";

/** Fields that choose among responses: as many as anybody uses, and few enough to compare per request. */
const VARY_NAMES_MAX = 16;

/** Lower-case names in Vary, each once. Undefined when no other request can be meant: `*`, or too many. */
export function parseVary(value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  const names = new Set<string>();
  for (const member of value.split(",")) {
    const name = member.trim().toLowerCase();
    if (name === "*") return undefined;
    if (name !== "") names.add(name);
    if (names.size > VARY_NAMES_MAX) return undefined;
  }
  return [...names].sort();
}

/** What the request has in these fields, so that equal text means that both may get the same response. */
export function varyingValues(names: readonly string[], header: HeaderView): string {
  let values = "";
  for (const name of names) values += `${normalized(header(name))}\n`;
  return values;
}

/** Section 4.1: white space around the members of a list makes no difference; an absent field matches absent ones only. */
function normalized(value: string | undefined): string {
  if (value === undefined) return "-";
  return `=${value
    .split(",")
    .map((member) => member.trim())
    .join(",")}`;
}
