/** Why a request is denied: the policy, and the first condition that does not hold. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionOf, engineOf, requestOf } from "../../../test/support/rbac-fixture.ts";
import { judge } from "./judgement.ts";
import { denialDetails } from "./rule-name.ts";

const WEB = "spiffe://mesh/ns/shop/sa/web";
const exactly = (principal: string) => ({
  authenticated: { principal_name: { exact: principal } },
});
const method = (exact: string) => ({ header: { name: ":method", string_match: { exact } } });

const ALLOW = engineOf({
  policies: {
    "ns[shop]-policy[writers]-rule[0]": {
      permissions: [{ any: true }],
      principals: [exactly("spiffe://mesh/ns/shop/sa/editor")],
    },
    "ns[shop]-policy[readers]-rule[1]": {
      permissions: [
        {
          and_rules: {
            rules: [
              { or_rules: { rules: [method("GET"), method("HEAD")] } },
              { url_path: { path: { prefix: "/items" } } },
            ],
          },
        },
      ],
      principals: [exactly(WEB)],
    },
  },
});

test("nobody is allowed: the nearest policy and its first condition that fails are told", () => {
  const on = connectionOf({ peerPrincipal: WEB });
  const verdict = judge(ALLOW, requestOf({ method: "POST", path: "/items/7" }), on);
  assert.equal(verdict.isAllowed, false);
  assert.equal(verdict.policy?.policy, "shop/readers");
  assert.equal(verdict.policy?.rule, "1");
  assert.equal(verdict.isMatched, false);
  assert.equal(verdict.condition, "method exact GET or exact HEAD");
  assert.equal(
    verdict.reason,
    "no ALLOW policy matches; nearest is shop/readers rule 1: method is POST, wanted exact GET or exact HEAD",
  );
});

test("a stranger is told that it is one", () => {
  const verdict = judge(ALLOW, requestOf({ path: "/items" }), connectionOf());
  assert.equal(
    verdict.reason,
    `no ALLOW policy matches; nearest is shop/readers rule 1: principal is unauthenticated, wanted exact ${WEB}`,
  );
});

test("who is allowed, or denied, knows by which rule", () => {
  const on = connectionOf({ peerPrincipal: WEB });
  const allowed = judge(ALLOW, requestOf({ path: "/items" }), on);
  assert.equal(allowed.isAllowed, true);
  assert.equal(
    allowed.reason,
    `shop/readers rule 1 allows it: method is GET (exact GET), principal is ${WEB} (exact ${WEB})`,
  );
  const deny = engineOf({
    action: "DENY",
    policies: {
      "ns[]-policy[admin]-rule[0]": {
        permissions: [{ url_path: { path: { prefix: "/admin" } } }],
        principals: [{ not_id: exactly("spiffe://mesh/ns/shop/sa/root") }],
      },
    },
  });
  const denied = judge(deny, requestOf({ path: "/admin/x" }), on);
  assert.equal(denied.isAllowed, false);
  assert.equal(denied.reason, "admin rule 0 denies it: path is /admin/x (prefix /admin)");
});

test("a condition that excludes says what it excludes", () => {
  const engine = engineOf({
    policies: {
      p: {
        permissions: [{ not_rule: { or_rules: { rules: [method("GET"), method("PUT")] } } }],
        principals: [{ any: true }],
      },
      nothing: {
        permissions: [{ not_rule: { any: true } }],
        principals: [{ not_id: { any: true } }],
      },
    },
  });
  const verdict = judge(engine, requestOf({ method: "PUT" }), connectionOf());
  assert.equal(
    verdict.reason,
    "no ALLOW policy matches; nearest is p: method is PUT, which the rule excludes (exact PUT)",
  );
});

test("details of a denial are one word, as Envoy's", () => {
  assert.equal(denialDetails(undefined), "rbac_access_denied_matched_policy[none]");
  assert.equal(denialDetails("a b\tc"), "rbac_access_denied_matched_policy[a_b_c]");
});
