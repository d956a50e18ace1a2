/**
 * When V8's optimizing compiler comes in. A sidecar starts with it switched off (the launcher's flags): what it
 * would optimize at start runs once, and its code alone, of the runtime's binary, would stay in memory
 * for as long as the process lives idle. The first requests after that are compiled as ever.
 */
import v8 from "node:v8";

/** By then listeners are bound and the first configuration is in force. */
const START_MS = 1_000;

/** Does nothing where it was never switched off. */
export function optimizeAfterStart(): void {
  setTimeout(() => v8.setFlagsFromString("--turbofan"), START_MS).unref();
}
