/** The time as pages tell it: it goes on with the figures, so that ages change together with them and not by themselves. */
import { signal } from "@preact/signals";

/** Milliseconds since the epoch. */
export const nowMs = signal(Date.now());
