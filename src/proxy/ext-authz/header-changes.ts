/** Header fields as an authorization service wants them: what may be changed, and how. */
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import type { HeaderChange } from "./authz-answer.ts";

/** Fields that frame and route a message: no service may change them. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  ...["connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer"],
  ...["transfer-encoding", "upgrade", "http2-settings", "expect"],
]);
/** RFC 9110 section 5.1: a token. Names of pseudo-header fields are none. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** RFC 9110 section 5.5: no controls. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether it can be a field of a message at all. */
export function isWellFormed({ name, value }: HeaderChange): boolean {
  return (NAME.test(name) || NAME.test(name.slice(1))) && VALUE.test(value);
}

/** What no service may change is left out, and so is what is no field. */
export function applyChanges(changes: readonly HeaderChange[], headers: HeaderBlock): void {
  for (let i = 0; i < changes.length; i++) {
    const { action, name, value } = changes[i]!;
    if (!NAME.test(name) || !VALUE.test(value) || FORBIDDEN.has(name)) continue;
    const field = new HeaderField(new HeaderName(name), value);
    switch (action) {
      case "set":
        headers.set(field);
        break;
      case "add":
        headers.add(field);
        break;
      case "add-if-present":
        if (headers.get(name) !== undefined) headers.add(field);
        break;
      case "add-if-absent":
        if (headers.get(name) === undefined) headers.add(field);
        break;
      case "set-if-present":
        if (headers.get(name) !== undefined) headers.set(field);
        break;
    }
  }
}

/** Those of a denial: each name goes before what stands there, and may have several values (`set-cookie`). */
export function applyDenial(changes: readonly HeaderChange[], headers: HeaderBlock): void {
  for (const { name } of changes) {
    if (NAME.test(name) && !FORBIDDEN.has(name)) headers.remove(new HeaderName(name));
  }
  applyChanges(
    changes.map(({ name, value }) => ({ action: "add", name, value })),
    headers,
  );
}

/** A client's request loses these, but for what frames and routes it. */
export function removeHeaders(names: readonly string[], headers: HeaderBlock): void {
  for (const name of names) {
    if (NAME.test(name) && !FORBIDDEN.has(name)) headers.remove(new HeaderName(name));
  }
}
