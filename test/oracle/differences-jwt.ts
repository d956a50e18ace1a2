/** Where users' tokens are judged differently: more strictly, and with fewer secrets in answers. */
import type { Difference } from "./difference.ts";

const of = (group: string, ...names: readonly string[]): readonly string[] =>
  names.map((name) => `${group}/${name}`);

export const JWT: readonly Difference[] = [
  {
    id: "tokens in several places",
    envoy: "Verifies each, and lets the request pass when all are good.",
    tulle: "Refuses the request with 400 (`invalid_request`), whatever the tokens are.",
    reason:
      "RFC 6750 section 2 forbids it: the app may look at another token than the one that was verified.",
    seen: [
      {
        cases: of("jwt-place", "header-and-query"),
        envoy: "200 from alpha, open",
        tulle: "400, open",
      },
      { cases: of("jwt-place", "header-twice"), envoy: "401, open", tulle: "400, open" },
    ],
  },
  {
    id: "critical extensions of tokens",
    envoy: "Does not look at `crit`.",
    tulle: "Refuses tokens with `crit` or `b64`.",
    reason: "RFC 7515 section 4.1.11: who does not understand them must not accept the token.",
    seen: [{ cases: of("jwt", "critical"), envoy: "200 from alpha, open", tulle: "401, open" }],
  },
  {
    id: "padding in tokens",
    envoy: "Accepts `=` behind the parts of a token.",
    tulle: "Refuses it.",
    reason: "RFC 7515 section 2: base64url has none, and a token has one spelling.",
    seen: [
      { cases: of("jwt", "signature-padded"), envoy: "200 from alpha, open", tulle: "401, open" },
    ],
  },
  {
    id: "case of the Bearer scheme",
    envoy: "Looks for `Bearer `, in this case, and finds no token behind `bearer `.",
    tulle: "Reads the scheme in any case.",
    reason:
      "RFC 9110 section 11.1: the app may read it so, and would see a token that nobody verified.",
    seen: [
      { cases: of("jwt-place", "scheme-lower"), envoy: "401, open", tulle: "200 from alpha, open" },
    ],
  },
  {
    id: "realm of challenges",
    envoy: "Has the query in `WWW-Authenticate`.",
    tulle: "Leaves it out.",
    reason: "The query may hold the token.",
    seen: [
      {
        cases: of("jwt-place", "query-bad"),
        field: /^responses\.0\.headers\.www-authenticate$/,
        envoy: /\/\?access_token=x"/,
        tulle: /\/", error="invalid_token"$/,
      },
    ],
  },
  {
    id: "issuers without keys",
    envoy: "Takes no listener with a key set that has no usable key.",
    tulle:
      "Takes it, and refuses every token of that issuer. What the control plane sends has a key for something else, which Envoy accepts and nobody can sign with.",
    reason: "An issuer that is away must not keep a listener from changing.",
    seen: [
      {
        cases: of("jwt-requirement", "no-keys"),
        field: /^log\.0\.details$/,
        envoy: /Jwks_doesn't_have_key_to_match/,
        tulle: /Jwks_doesn't_have_any_valid_public_key/,
      },
    ],
  },
];
