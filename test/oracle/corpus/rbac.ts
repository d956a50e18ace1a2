/** Authorization: every kind of rule, met and not met. */
import { type OracleCase, type RequestParts, request, STATIC } from "../case.ts";

type Row = readonly [name: string, target: string, parts?: RequestParts];

const put: RequestParts = { method: "PUT", body: "" };
const a = (...values: readonly string[]): RequestParts => ({
  headers: values.map((value) => `x-a: ${value}`),
});
const host = (name: string): RequestParts => ({ host: name });
const GRPC: RequestParts = {
  method: "POST",
  headers: ["content-type: application/grpc", "te: trailers"],
  body: "",
};

const ROWS: readonly Row[] = [
  ["of-listener", "/"],
  ["of-listener-denied", "/", put],
  ["of-listener-grpc", "/", GRPC],
  ["none", "/none/", put],
  ["off", "/off", put],
  ["direct", "/direct"],
  ["direct-denied", "/direct", put],
  ["empty", "/empty/"],
  ["empty-deny", "/empty-deny/"],
  ["log", "/log/"],
  ["get", "/get/"],
  ["get-denied", "/get/", put],
  ["not-get", "/not-get/"],
  ["not-get-denied", "/not-get/", put],
  ["path", "/path/open"],
  ["path-with-query", "/path/open?x"],
  ["path-other", "/path/shut?/open"],
  ["query", "/query/?a=1"],
  ["query-other", "/query/?a=2"],
  ["template", "/template/7/x"],
  ["template-longer", "/template/7/8/x"],
  ["template-empty", "/template//x"],
  ["template-tail", "/template/all/"],
  ["template-tail-long", "/template/all/a/b.c"],
  ["template-tail-none", "/template/all"],
  ["mixed", "/mixed/a.css"],
  ["mixed-nothing", "/mixed/.css"],
  ["mixed-dot", "/mixed/aXcss"],
  ["mixed-variable", "/mixed/a/in/b/c"],
  ["host", "/host/", host("a.example")],
  ["host-other", "/host/", host("b.example")],
  ["present", "/present/", a("")],
  ["present-not", "/present/"],
  ["absent", "/absent/"],
  ["absent-not", "/absent/", a("1")],
  ["inverted", "/inverted/", a("2")],
  ["inverted-not", "/inverted/", a("1")],
  ["inverted-missing", "/inverted/"],
  ["inverted-twice", "/inverted/", a("1", "2")],
  ["denied", "/denied/", a("2")],
  ["denied-one", "/denied/", a("1")],
  ["denied-first", "/denied/", a("1", "2")],
  ["denied-last", "/denied/", a("2", "1")],
  ["range", "/range/", a("4")],
  ["range-out", "/range/", a("5")],
  ["range-twice", "/range/", a("4", "9")],
  ["name", "/name/"],
  ["metadata", "/metadata/"],
  ["metadata-there", "/metadata-there/"],
  ["ip", "/ip/"],
  ["ports", "/ports/"],
  ["from", "/from/"],
  ["from-address", "/from/c"],
  ["from-not-address", "/from/d"],
  ["from-authenticated", "/from/e"],
  ["shadow", "/shadow/"],
];

export const rbacCases: readonly OracleCase[] = ROWS.map(([name, target, parts = {}]) => ({
  id: `rbac/${name}`,
  config: STATIC,
  listener: "rbac",
  isPeaceful: true,
  steps: [{ send: request(target, parts) }, { await: "response" }],
}));
