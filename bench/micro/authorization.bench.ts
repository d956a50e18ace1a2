/** What 100 policies with 1,000 rules cost a request: found by peer, method and path, or by none of them. */
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { bench, do_not_optimize, group } from "mitata";
import type { FieldError } from "../../src/decision/field-error.ts";
import { explainMatch } from "../../src/decision/rbac/judgement.ts";
import type { RbacConnection } from "../../src/decision/rbac/rbac-connection.ts";
import { compileRbac, type RbacEngine } from "../../src/decision/rbac/rbac-engine.ts";
import type { RequestView } from "../../src/decision/request-view.ts";
import { RBACSchema } from "../../src/gen/envoy/config/rbac/v3/rbac_pb.js";

const RULES = 1_000;
const WEB = "spiffe://mesh/ns/shop/sa/web";

function engineOf(policyOf: (index: number) => JsonObject, action = "ALLOW"): RbacEngine {
  const policies = Object.fromEntries(
    Array.from({ length: RULES }, (_, index) => [
      `p${String(index).padStart(4, "0")}`,
      policyOf(index),
    ]),
  );
  const errors: FieldError[] = [];
  const rbac = fromJson(RBACSchema, { action, policies });
  const engine = compileRbac(rbac, { isForTcp: false }, "", errors);
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return engine;
}

const principal = (index: number): JsonObject => ({
  authenticated: { principal_name: { exact: index % 10 === 9 ? WEB : `${WEB}-${index}` } },
});
const permission = (index: number): JsonObject => ({
  and_rules: {
    rules: [
      { header: { name: ":method", string_match: { exact: "GET" } } },
      { url_path: { path: { prefix: `/part-${index}/` } } },
    ],
  },
});
const byHeader = (index: number): JsonObject => ({
  header: { name: "x-role", string_match: { exact: `role-${index}` } },
});

const connection: RbacConnection = {
  ...{ peerPrincipal: WEB, remoteAddress: "127.0.0.1", localAddress: "127.0.0.1" },
  ...{ localPort: 8080, serverName: "" },
};

function requestOf(path: string): RequestView {
  return {
    ...{
      method: "GET",
      path,
      query: "",
      authority: "catalog",
      scheme: "https",
      httpVersion: "HTTP/2",
    },
    header: (name) => (name === "x-role" ? "role-999" : undefined),
    headerValues: () => [],
  };
}

function benchMatch(name: string, engine: RbacEngine, path: string): void {
  const request = requestOf(path);
  bench(name, () => do_not_optimize(engine.match(request, connection)));
}

group("a request held against 1,000 rules", () => {
  const rules = engineOf((index) => ({
    permissions: [permission(index)],
    principals: [principal(index)],
  }));
  benchMatch("the last one matches", rules, "/part-999/items");
  benchMatch("none matches", rules, "/nothing/items");
  const open = engineOf((index) => ({
    permissions: [permission(index)],
    principals: [{ any: true }],
  }));
  benchMatch("of everybody, the last one matches", open, "/part-999/items");
  const scanned = engineOf((index) => ({
    permissions: [byHeader(index)],
    principals: [{ any: true }],
  }));
  benchMatch("by a header, which no index has: the last one matches", scanned, "/");
});

group("a denial in words", () => {
  const rules = engineOf((index) => ({
    permissions: [permission(index)],
    principals: [principal(index)],
  }));
  const request = requestOf("/nothing/items");
  bench("the nearest of 1,000 rules", () =>
    do_not_optimize(explainMatch(rules, -1, request, connection)),
  );
});
