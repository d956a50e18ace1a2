/** The drop-in propagator of trace contexts, which Node loads before an app. */
import { fileURLToPath, pathToFileURL } from "node:url";

/** Beside the launcher, in a clone and in the package alike. */
const FILE = fileURLToPath(new URL("../../../bin/propagate.mjs", import.meta.url));

/** The environment of an app with it: other programs than Node take no notice. */
export function withPropagator(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const own = env["NODE_OPTIONS"];
  // As a URL: NODE_OPTIONS are split at white space.
  const option = `--import=${pathToFileURL(FILE).href}`;
  return { ...env, NODE_OPTIONS: own === undefined || own === "" ? option : `${own} ${option}` };
}
