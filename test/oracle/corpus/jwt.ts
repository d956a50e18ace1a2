/** Users' tokens: good and bad ones, in every place, before every requirement. */
import { type OracleCase, type RequestParts, request, STATIC } from "../case.ts";
import { EMPTY_TOKEN, STAFF_TOKEN, TOKENS } from "../jwt-tokens.ts";

type Row = readonly [name: string, target: string, parts?: RequestParts];

const bearer = (token: string, ...headers: string[]): RequestParts => ({
  headers: [`authorization: Bearer ${token}`, ...headers],
});
const staff = (...headers: string[]): RequestParts => ({
  headers: [`x-token: JWT ${STAFF_TOKEN}`, ...headers],
});
const GOOD = `authorization: Bearer ${TOKENS.ec}`;
const GRPC: RequestParts = {
  method: "POST",
  headers: ["content-type: application/grpc", "te: trailers"],
  body: "",
};
const PREFLIGHT: RequestParts = {
  method: "OPTIONS",
  headers: ["origin: https://a.example", "access-control-request-method: PUT"],
};

const tokens: readonly Row[] = Object.entries(TOKENS).map(([name, token]) => [
  name,
  "/",
  bearer(token),
]);

const places: readonly Row[] = [
  ["none", "/"],
  ["none-of-grpc", "/", GRPC],
  ["query", `/?a=1&access_token=${TOKENS.ec}&b=2`],
  ["query-alone", `/?access_token=${TOKENS.ec}`],
  ["query-bad", "/?access_token=x"],
  ["scheme-other", "/", { headers: ["authorization: Basic YTpi"] }],
  ["scheme-alone", "/", { headers: ["authorization: Bearer"] }],
  ["scheme-lower", "/", { headers: [`authorization: bearer ${TOKENS.ec}`] }],
  ["scheme-spaces", "/", { headers: [`authorization: Bearer   ${TOKENS.ec}`] }],
  ["header-and-query", `/?access_token=${TOKENS.ec}`, { headers: [GOOD] }],
  ["header-twice", "/", { headers: [GOOD, GOOD] }],
  ["header", "/staff", staff()],
  ["header-without-prefix", "/staff", { headers: [`x-token: ${STAFF_TOKEN}`] }],
  ["parameter", `/staff?staff=${STAFF_TOKEN}`],
  ["cookie", "/staff", { headers: [`cookie: a=1; staff=${STAFF_TOKEN}`] }],
  ["not-here", "/staff", { headers: [`authorization: Bearer ${STAFF_TOKEN}`] }],
  ["claim-from-client", "/", bearer(TOKENS.ec, "x-sub: root", "x-payload: root", "x-gone: root")],
  ["claim-without-token", "/optional", { headers: ["x-sub: root"] }],
  ["preflight", "/", PREFLIGHT],
];

const requirements: readonly Row[] = [
  ["optional-none", "/optional"],
  ["optional-good", "/optional", { headers: [GOOD] }],
  ["optional-bad", "/optional", bearer(TOKENS.expired)],
  ["optional-issuer", "/optional", bearer(TOKENS["issuer-other"])],
  ["lenient-none", "/lenient"],
  ["lenient-bad", "/lenient", bearer(TOKENS.expired)],
  ["lenient-good", "/lenient", { headers: [GOOD] }],
  ["missing-none", "/missing"],
  ["missing-good", "/missing", { headers: [GOOD] }],
  ["missing-bad", "/missing", bearer(TOKENS.expired)],
  ["failed-bad", "/failed", bearer(TOKENS.expired)],
  ["failed-good", "/failed", { headers: [GOOD] }],
  ["both-one", "/both", { headers: [GOOD] }],
  ["both-two", "/both", staff(GOOD)],
  ["either-first", "/either", { headers: [GOOD] }],
  ["either-second", "/either", staff()],
  ["either-none", "/either"],
  ["either-bad", "/either", bearer(TOKENS.expired)],
  ["each-none", "/each"],
  ["each-one", "/each", staff()],
  ["each-bad", "/each", staff(`authorization: Bearer ${TOKENS.expired}`)],
  ["audiences-of-rule", "/desk", bearer(TOKENS["audience-other"])],
  ["audiences-of-rule-not", "/desk", { headers: [GOOD] }],
  ["no-keys", "/empty", bearer(EMPTY_TOKEN)],
  ["open", "/open", bearer("x")],
  ["named", "/named", staff()],
  ["named-none", "/named"],
  ["rule-by-header", "/", { headers: ["x-skip: 1"] }],
  ["route-off", "/off", bearer("x")],
  ["route-named", "/route", staff()],
  ["route-named-not", "/route", { headers: [GOOD] }],
  ["route-wrong", "/wrong", { headers: [GOOD] }],
  ["claims", "/claims", { headers: [GOOD] }],
];

function casesOf(group: string, rows: readonly Row[]): OracleCase[] {
  return rows.map(([name, target, parts = {}]) => ({
    id: `${group}/${name}`,
    config: STATIC,
    listener: "jwt",
    isPeaceful: true,
    steps: [{ send: request(target, parts) }, { await: "response" }],
  }));
}

export const jwtCases: readonly OracleCase[] = [
  ...casesOf("jwt", tokens),
  ...casesOf("jwt-place", places),
  ...casesOf("jwt-requirement", requirements),
];
