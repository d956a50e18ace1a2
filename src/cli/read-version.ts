/** The version of the installed package. */
import { readFileSync } from "node:fs";

/** The `version` of package.json, which lies two folders up from the sources and from the compiled code alike. */
export function readVersion(): string {
  const manifest = new URL("../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string };
  return version;
}
