/** Where HTTP filters differ: faults on purpose, and CORS. */
import type { Difference } from "./difference.ts";

const of = (group: string, ...names: readonly string[]): readonly string[] =>
  names.map((name) => `${group}/${name}`);

export const FILTERS: readonly Difference[] = [
  {
    id: "words of injected faults",
    envoy: "Says `fault filter abort` in `grpc-message`.",
    tulle: "Says that the fault is on purpose, and where to look for its cause.",
    reason: "Whoever did not inject it must find out who did.",
    seen: [
      {
        cases: of("faults", "abort-of-grpc", "abort-grpc-status", "abort-asked-of-grpc"),
        field: /^responses\.0\.headers\.grpc-message$/,
        envoy: /^fault filter abort$/,
        tulle: /on purpose/,
      },
    ],
  },
  {
    id: "response flags of delays",
    envoy: "Adds DI to the flag of whatever came behind the delay.",
    tulle:
      "Logs DI for requests that were delayed and then answered, else the flag of the failure.",
    reason: "One flag says why a request failed; the delay was on purpose.",
    seen: [
      {
        cases: of("faults", "delay-abort", "delay-dead"),
        field: /^log\.0\.flags$/,
        envoy: /^DI,(?:FI|UF)$/,
        tulle: /^(?:FI|UF)$/,
      },
    ],
  },
  {
    id: "Vary of answers to other origins",
    envoy: "Leaves Vary as it is.",
    tulle: "Adds `Vary: Origin` where it names the origin that is allowed.",
    reason:
      "Caches, a browser's too, would give one origin's answer to another (Fetch standard, CORS protocol and HTTP caches).",
    seen: [
      {
        cases: [
          ...of("cors", "allowed", "preflight", "options-without-method", "method-of-get", "any"),
          ...of("cors", "any-null", "prefix", "regex", "star-lists", "star-lists-none-asked"),
          ...of("cors", "star-exposed", "no-cookies", "private", "private-not-asked"),
          ...of("cors", "private-not-allowed", "of-host", "of-host-preflight", "dead"),
          "gateway/preflight",
          "gateway/cors",
        ],
        field: /^responses\.0\.headers\.vary$/,
        envoy: undefined,
        tulle: /^Origin$/,
      },
    ],
  },
];
