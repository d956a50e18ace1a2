/** Parts of commands that people copy into a terminal. */

/** A word as a shell takes it. */
export function quoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** ` -n shop`; nothing for the namespace that commands mean without it. */
export function namespaceFlag(namespace: string): string {
  return namespace === "default" || namespace === "" ? "" : ` -n ${quoted(namespace)}`;
}
