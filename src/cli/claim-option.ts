/** `--claim NAME=VALUE`: what a user's verified token is supposed to say. */
import type { OptionSpec } from "./command.ts";
import { usageError } from "./errors.ts";

export const CLAIM_OPTION: OptionSpec = {
  name: "claim",
  value: "NAME=VALUE",
  isMultiple: true,
  summary:
    "A claim of the user's verified token: address.city for one inside another, [a.b] for a name with dots; JSON where it is no text",
};

const BRACKETED = /^(?:\[[^[\]]+\])+$/;
const DOTTED = /^[^.[\]]+(?:\.[^.[\]]+)*$/;

interface Payload {
  [name: string]: unknown;
}

/** Undefined without any. Throws a usage error. */
export function claimsOf(texts: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  if (texts.length === 0) return undefined;
  const payload = emptyPayload();
  for (const text of texts) {
    const equals = text.indexOf("=");
    const path = pathOf(text.slice(0, Math.max(equals, 0)));
    if (path === undefined) {
      throw usageError(`${JSON.stringify(text)} is no claim`, "write it as --claim sub=alice");
    }
    setAt(payload, path, claimValue(text.slice(equals + 1)), text);
  }
  return payload;
}

/** As routes name claims: `groups`, `address.city`, `[https://shop.example/plan][name]`. */
function pathOf(name: string): readonly string[] | undefined {
  if (BRACKETED.test(name)) return name.slice(1, -1).split("][");
  return DOTTED.test(name) ? name.split(".") : undefined;
}

function setAt(payload: Payload, path: readonly string[], value: unknown, text: string): void {
  let inner = payload;
  for (const name of path.slice(0, -1)) {
    const next = inner[name] ?? emptyPayload();
    if (typeof next !== "object" || Array.isArray(next)) {
      throw usageError(`${JSON.stringify(text)} is inside ${name}, which is a value already`);
    }
    inner[name] = next;
    inner = next as Payload;
  }
  inner[path.at(-1) ?? ""] = value;
}

/** No name in it means anything to the language. */
function emptyPayload(): Payload {
  return Object.create(null);
}

/** `["a","b"]` is a list, `alice` and `1a` are texts. */
function claimValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
