/** Where authorization differs. */

import type { Difference } from "./difference.ts";

const of = (...names: readonly string[]): readonly string[] => names.map((name) => `rbac/${name}`);

export const RBAC: readonly Difference[] = [
  {
    id: "response flag of denials",
    envoy: "Has none for what its RBAC filter denies.",
    tulle: "Logs UAEX, which Envoy has for what an external service denies.",
    reason: "A 403 of the app's own must be told from one that policy gave.",
    seen: [
      {
        cases: "any",
        field: /^log\.0\.flags$/,
        envoy: /^-$/,
        tulle: /^UAEX$/,
      },
      // The answers of translation's `mappers` go by the flag.
      {
        cases: ["gateway/denied", "gateway/denied-behind-dots"],
        field: /^responses\.0\.headers\.x-tulle-(?:response-flags|cause)$/,
        envoy: undefined,
        tulle: /^(?:UAEX|HTTPRoute\/default\/.*)$/,
      },
    ],
  },
  {
    id: "words of denials",
    envoy: "Says `RBAC: access denied` in `grpc-message`.",
    tulle: "Says that a policy denied it, and to peers with an identity which one and why.",
    reason: "Whoever is denied must find out by what; strangers need not know.",
    seen: [
      {
        cases: of("of-listener-grpc"),
        field: /^responses\.0\.headers\.grpc-message$/,
        envoy: /^RBAC: access denied$/,
        tulle: /^access denied/,
      },
    ],
  },
  {
    id: "several fields of one name before rules that allow",
    envoy: "Allows when one of them matches.",
    tulle: "Allows only when all of them match; one that matches is enough to deny, as in Envoy.",
    reason:
      "An app may read any of them, so that none may hide behind another (lesson T24, CVE-2026-26308).",
    seen: [{ cases: of("range-twice"), envoy: "200 from alpha, open", tulle: "403, open" }],
  },
];
