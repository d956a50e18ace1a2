/** What a `traceparent` says of sampling, changed in its text. */

/** The same `traceparent` with another word on whether the trace is sampled. Of what is none nothing is changed. */
export function withSampling(traceparent: string, isSampled: boolean): string {
  // W3C Trace Context section 3.2.2.5: the flags are two digits behind the third dash.
  const flagsAt = 53;
  const flags = Number.parseInt(traceparent.slice(flagsAt, flagsAt + 2), 16);
  if (traceparent[flagsAt - 1] !== "-" || Number.isNaN(flags)) return traceparent;
  const changed = isSampled ? flags | 1 : flags & 0xfe;
  const digits = changed.toString(16).padStart(2, "0");
  return traceparent.slice(0, flagsAt) + digits + traceparent.slice(flagsAt + 2);
}
