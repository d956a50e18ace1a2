/** Which policy a request matches, by every kind of permission and principal, and in which order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  connectionOf,
  engineOf,
  errorsOf,
  requestOf,
  type SaidRequest,
} from "../../../test/support/rbac-fixture.ts";
import type { RbacConnection } from "./rbac-connection.ts";
import { NO_REQUEST } from "./rbac-engine.ts";

const ANY = [{ any: true }];
const WEB = "spiffe://mesh/ns/shop/sa/web";

interface Case {
  readonly rule: JsonObject;
  readonly met: readonly (SaidRequest & { readonly on?: Partial<RbacConnection> })[];
  readonly unmet: readonly (SaidRequest & { readonly on?: Partial<RbacConnection> })[];
}

function holds(
  policy: JsonObject,
  { on, ...said }: SaidRequest & { readonly on?: Partial<RbacConnection> },
): boolean {
  return engineOf({ policies: { p: policy } }).match(requestOf(said), connectionOf(on)) === 0;
}

const PERMISSIONS: Readonly<Record<string, Case>> = {
  any: { rule: { any: true }, met: [{}], unmet: [] },
  header: {
    rule: { header: { name: "x-user", string_match: { exact: "7" } } },
    met: [{ headers: [["x-user", "7"]] }],
    unmet: [{}, { headers: [["x-user", "8"]] }],
  },
  "the path, without its query": {
    rule: { url_path: { path: { prefix: "/items" } } },
    met: [{ path: "/items/7", query: "a=1" }],
    unmet: [{ path: "/item" }, { method: "CONNECT", path: "" }],
  },
  "a path in any case": {
    rule: { url_path: { path: { exact: "/items", ignore_case: true } } },
    met: [{ path: "/ITEMS" }],
    unmet: [{ path: "/items/" }],
  },
  "a template of a path": {
    rule: {
      uri_template: {
        name: "uri_template",
        typed_config: {
          "@type":
            "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
          path_template: "/users/*/posts/**",
        },
      },
    },
    met: [{ path: "/users/7/posts/" }, { path: "/users/7/posts/a/b" }],
    unmet: [{ path: "/users/7/posts" }, { path: "/users//posts/a" }, { path: "/users/a/b/posts/" }],
  },
  "the destination's IP": {
    rule: { destination_ip: { address_prefix: "10.1.0.0", prefix_len: 16 } },
    met: [{ on: { localAddress: "10.1.255.3" } }],
    unmet: [{ on: { localAddress: "10.2.0.1" } }, { on: { localAddress: "::1" } }],
  },
  "the destination's port": {
    rule: { destination_port: 8080 },
    met: [{}],
    unmet: [{ on: { localPort: 8081 } }],
  },
  "a range of ports": {
    rule: { destination_port_range: { start: 8000, end: 8080 } },
    met: [{ on: { localPort: 8079 } }],
    unmet: [{ on: { localPort: 8080 } }],
  },
  "the server name": {
    rule: { requested_server_name: { suffix: ".shop.example" } },
    met: [{ on: { serverName: "a.shop.example" } }],
    unmet: [{}, { on: { serverName: "shop.example" } }],
  },
  "what filters found out": {
    rule: {
      metadata: {
        filter: "envoy.filters.http.jwt_authn",
        path: [{ key: "payload" }, { key: "groups" }],
        value: { list_match: { one_of: { string_match: { exact: "staff" } } } },
      },
    },
    met: [{ metadata: claims({ groups: ["guest", "staff"] }) }],
    unmet: [{}, { metadata: claims({ groups: "staff" }) }, { metadata: claims({}) }],
  },
  "not a rule": {
    rule: { not_rule: { header: { name: ":method", string_match: { exact: "GET" } } } },
    met: [{ method: "POST" }],
    unmet: [{ method: "GET" }],
  },
  "all of some rules": {
    rule: { and_rules: { rules: [{ destination_port: 8080 }, pathIs("/a")] } },
    met: [{ path: "/a" }],
    unmet: [{ path: "/b" }, { path: "/a", on: { localPort: 1 } }],
  },
  "one of some rules": {
    rule: { or_rules: { rules: [pathIs("/a"), pathIs("/b")] } },
    met: [{ path: "/a" }, { path: "/b" }],
    unmet: [{ path: "/c" }],
  },
};

const PRINCIPALS: Readonly<Record<string, Case>> = {
  "anybody who is authenticated": {
    rule: { authenticated: {} },
    met: [{ on: { peerPrincipal: WEB } }],
    unmet: [{}],
  },
  "a principal": {
    rule: { authenticated: { principal_name: { exact: WEB } } },
    met: [{ on: { peerPrincipal: WEB } }],
    unmet: [{}, { on: { peerPrincipal: `${WEB}2` } }],
  },
  "principals by a pattern": {
    rule: { authenticated: { principal_name: { safe_regex: { regex: ".*/ns/shop/.*" } } } },
    met: [{ on: { peerPrincipal: WEB } }],
    unmet: [{ on: { peerPrincipal: "spiffe://mesh/ns/shop2/sa/web" } }],
  },
  "principals by their end": {
    rule: { authenticated: { principal_name: { safe_regex: { regex: "spiffe://.*/sa/w\\.b" } } } },
    met: [{ on: { peerPrincipal: "spiffe://mesh/ns/a/sa/w.b" } }],
    unmet: [{ on: { peerPrincipal: WEB } }, { on: { peerPrincipal: "/sa/w.b" } }],
  },
  "an address": {
    rule: { direct_remote_ip: { address_prefix: "127.0.0.0", prefix_len: 8 } },
    met: [{}],
    unmet: [{ on: { remoteAddress: "10.0.0.1" } }],
  },
  "the client's address": {
    rule: { remote_ip: { address_prefix: "2001:db8::", prefix_len: 33 } },
    met: [{ on: { remoteAddress: "2001:db8:7fff::1" } }],
    unmet: [{ on: { remoteAddress: "2001:db8:8000::1" } }],
  },
  "not a principal": {
    rule: { not_id: { authenticated: { principal_name: { exact: WEB } } } },
    met: [{}],
    unmet: [{ on: { peerPrincipal: WEB } }],
  },
  "principals and more": {
    rule: {
      and_ids: {
        ids: [
          { authenticated: { principal_name: { exact: WEB } } },
          { header: { name: "x-a", present_match: true } },
        ],
      },
    },
    met: [{ headers: [["x-a", ""]], on: { peerPrincipal: WEB } }],
    unmet: [{ on: { peerPrincipal: WEB } }, { headers: [["x-a", "1"]] }],
  },
  "one of some": {
    rule: { or_ids: { ids: [{ authenticated: {} }, { url_path: { path: { exact: "/open" } } }] } },
    met: [{ path: "/open" }, { on: { peerPrincipal: WEB } }],
    unmet: [{ path: "/shut" }],
  },
};

function pathIs(exact: string): JsonObject {
  return { url_path: { path: { exact } } };
}

function claims(payload: Readonly<Record<string, string | readonly string[]>>) {
  const fields = new Map([["payload", new Map(Object.entries(payload))]]);
  return new Map([["envoy.filters.http.jwt_authn", fields]]);
}

for (const [name, { rule, met, unmet }] of Object.entries(PERMISSIONS)) {
  test(`a permission: ${name}`, () => {
    const policy = { permissions: [rule], principals: ANY };
    for (const said of met) assert.equal(holds(policy, said), true, JSON.stringify(said));
    for (const said of unmet) assert.equal(holds(policy, said), false, JSON.stringify(said));
  });
}

for (const [name, { rule, met, unmet }] of Object.entries(PRINCIPALS)) {
  test(`a principal: ${name}`, () => {
    const policy = { permissions: ANY, principals: [rule] };
    for (const said of met) assert.equal(holds(policy, said), true, JSON.stringify(said));
    for (const said of unmet) assert.equal(holds(policy, said), false, JSON.stringify(said));
  });
}

test("of several policies that match the first by name is the one", () => {
  const policy = { permissions: ANY, principals: ANY };
  const ofPath = { permissions: [pathIs("/a")], principals: ANY };
  const engine = engineOf({ policies: { b: policy, c: policy, a: ofPath, B: ofPath } });
  assert.deepEqual(
    engine.policies.map(({ name }) => name),
    ["B", "a", "b", "c"],
  );
  assert.equal(engine.match(requestOf({ path: "/a" }), connectionOf()), 0);
  assert.equal(engine.match(requestOf({ path: "/b" }), connectionOf()), 2);
});

test("what comes of a match depends on the action", () => {
  const policies = { p: { permissions: [pathIs("/a")], principals: ANY } };
  const verdicts = (action: string) => {
    const engine = engineOf({ action, policies });
    return ["/a", "/b"].map((path) =>
      engine.isAllowed(engine.match(requestOf({ path }), connectionOf())),
    );
  };
  assert.deepEqual(verdicts("ALLOW"), [true, false]);
  assert.deepEqual(verdicts("DENY"), [false, true]);
  assert.deepEqual(verdicts("LOG"), [true, true]);
});

test("addresses are of the packets, of the connection or of the client, as is asked", () => {
  const on = connectionOf({ remoteAddress: "10.0.0.2", packetAddress: "10.0.0.1" });
  const said = requestOf({ clientAddress: "10.0.0.3" });
  for (const [principal, address] of [
    ["direct_remote_ip", "10.0.0.1"],
    ["source_ip", "10.0.0.2"],
    ["remote_ip", "10.0.0.3"],
  ] as const) {
    const range = { address_prefix: address, prefix_len: 32 };
    const engine = engineOf({
      policies: { p: { permissions: ANY, principals: [{ [principal]: range }] } },
    });
    assert.equal(engine.match(said, on), 0, principal);
    const another = connectionOf({ remoteAddress: "10.0.0.9" });
    assert.equal(engine.match(requestOf({}), another), -1, principal);
  }
});

test("T24: one field of several is enough to deny, and all of them must match to allow", () => {
  const said = requestOf({
    headers: [
      ["x-role", "user"],
      ["x-role", "admin"],
    ],
  });
  const verdict = (action: string, header: JsonObject, isExcluded: boolean): boolean => {
    const permission = isExcluded ? { not_rule: { header } } : { header };
    const engine = engineOf({
      action,
      policies: { p: { permissions: [permission], principals: ANY } },
    });
    return engine.match(said, connectionOf()) === 0;
  };
  const admin = { name: "x-role", string_match: { exact: "admin" } };
  assert.equal(verdict("DENY", admin, false), true);
  assert.equal(verdict("ALLOW", admin, false), false);
  // What is excluded from a denial must be excluded wholly, from an allowance in part is enough.
  assert.equal(verdict("DENY", admin, true), true);
  assert.equal(verdict("ALLOW", admin, true), false);
  const other = { ...admin, invert_match: true };
  assert.equal(verdict("DENY", other, false), true);
  assert.equal(verdict("ALLOW", other, false), false);
});

test("a connection without requests has no headers and no path", () => {
  const match = (permission: JsonObject): boolean => {
    const engine = engineOf(
      { policies: { p: { permissions: [permission], principals: ANY } } },
      true,
    );
    return engine.match(NO_REQUEST, connectionOf()) === 0;
  };
  assert.equal(match({ header: { name: ":method", string_match: { exact: "GET" } } }), false);
  assert.equal(
    match({ header: { name: ":method", string_match: { exact: "GET" }, invert_match: true } }),
    false,
  );
  assert.equal(match({ header: { name: "x-a", present_match: false } }), true);
  assert.equal(match({ url_path: { path: { prefix: "/" } } }), false);
  assert.equal(match({ not_rule: { url_path: { path: { prefix: "/" } } } }), true);
  assert.equal(match({ destination_port: 8080 }), true);
});

test("a policy is found whoever asks, in whatever order, and however many ask", () => {
  const policies = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [
      `p${String(index).padStart(3, "0")}`,
      {
        permissions: [
          {
            and_rules: {
              rules: [
                { header: { name: ":method", string_match: { exact: index % 2 ? "GET" : "PUT" } } },
                {
                  or_rules: {
                    rules: [
                      pathIs(`/${index}`),
                      { url_path: { path: { prefix: `/p/${index}/` } } },
                    ],
                  },
                },
              ],
            },
          },
        ],
        principals: [{ authenticated: { principal_name: { exact: `spiffe://m/${index % 7}` } } }],
      },
    ]),
  );
  const engine = engineOf({ policies });
  for (let caller = 0; caller < 7; caller++) {
    const on = connectionOf({ peerPrincipal: `spiffe://m/${caller}` });
    for (let index = 0; index < 300; index++) {
      for (const path of [`/${index}`, `/p/${index}/x`]) {
        for (const method of ["GET", "PUT"]) {
          const isMeant = index % 7 === caller && (index % 2 === 1) === (method === "GET");
          const found = engine.match(requestOf({ method, path }), on);
          assert.equal(found, isMeant ? index : -1, `${caller} ${method} ${path}`);
        }
      }
    }
  }
});

test("what is wrong is told by its path", () => {
  const errors = errorsOf({
    policies: {
      p: {
        permissions: [
          { any: false },
          { destination_ip: { address_prefix: "10.0.0", prefix_len: 8 } },
          { destination_port: 70_000 },
          { not_rule: { url_path: { path: { safe_regex: { regex: "(" } } } } },
          {},
        ],
        principals: [
          { and_ids: { ids: [] } },
          { remote_ip: { address_prefix: "::1", prefix_len: 129 } },
        ],
      },
      q: {},
    },
  });
  assert.deepEqual(
    errors.map(({ path }) => path.replace('rules.policies["p"].', "")),
    [
      "permissions[0].any",
      "permissions[1].destination_ip.address_prefix",
      "permissions[2].destination_port",
      "permissions[3].not_rule.url_path.path.safe_regex.regex",
      "permissions[4]",
      "principals[0].and_ids.ids",
      "principals[1].remote_ip.prefix_len",
      'rules.policies["q"].permissions',
      'rules.policies["q"].principals',
    ],
  );
});
