/** Which virtual host and which of its routes takes a request. Envoy's answers are from a running 1.40. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  answering,
  configErrors,
  requestFor,
  routeTable,
  tableOf,
} from "../../test/support/routing-fixture.ts";
import type { RouteTable } from "./route-table.ts";

/** A virtual host for each list of domains, named after its first domain. */
function hostsTable(lists: readonly (readonly string[])[], options: JsonObject = {}): RouteTable {
  return routeTable({
    ...options,
    virtual_hosts: lists.map((domains) => ({
      name: domains[0] ?? "",
      domains: [...domains],
      routes: [answering({ prefix: "/" })],
    })),
  });
}

function chosen(table: RouteTable, hosts: readonly string[]): Record<string, string | undefined> {
  return Object.fromEntries(
    hosts.map((host) => [host, table.match(requestFor("/", { host }))?.virtualHost.name]),
  );
}

test("exact domains come first, then the longest suffix, the longest prefix, and *", () => {
  const table = hostsTable([
    ["*"],
    ["foo.*"],
    ["*.com"],
    ["*.foo.com"],
    ["foo.com"],
    ["*bar.com", "foo.bar.*"],
  ]);
  const wanted = {
    "foo.com": "foo.com",
    "FOO.com": "foo.com",
    "a.foo.com": "*.foo.com",
    "x.com": "*.com",
    "foo.org": "foo.*",
    "abar.com": "*bar.com",
    // A wildcard stands for at least one character.
    "bar.com": "*.com",
    "foo.": "*",
    ".com": "*",
    "foo.bar.org": "*bar.com",
    "foo.bar.com": "*bar.com",
    "foo.com:80": "foo.*",
    "foo.com.": "foo.*",
    other: "*",
    "": "*",
  };
  assert.deepEqual(chosen(table, Object.keys(wanted)), wanted);
});

test("a port belongs to the domain", () => {
  const table = hostsTable([["a:80"], ["a"], ["*.b:80"], ["c:*"]]);
  const wanted = {
    a: "a",
    "a:80": "a:80",
    "a:81": undefined,
    "x.b:80": "*.b:80",
    "x.b": undefined,
    "c:1": "c:*",
    c: undefined,
  };
  assert.deepEqual(chosen(table, Object.keys(wanted)), wanted);
});

test("a port is left out of the comparison when the configuration says so", () => {
  const table = hostsTable([["a:80"], ["a"], ["*.b"], ["[::1]"]], {
    ignore_port_in_host_matching: true,
  });
  const wanted = {
    a: "a",
    "a:80": "a",
    "a:81": "a",
    "a:": "a",
    "x.b:80": "*.b",
    "[::1]": "[::1]",
    "[::1]:80": "[::1]",
  };
  assert.deepEqual(chosen(table, Object.keys(wanted)), wanted);
});

test("domains in capitals and stars in the middle", () => {
  const table = hostsTable([["FOO.com"], ["*.BAR.com"], ["a*b"], ["*a*"]]);
  const wanted = {
    "foo.COM": "FOO.com",
    "x.bar.com": "*.BAR.com",
    axb: undefined,
    "a*b": "a*b",
    // Only the first star is one.
    "xa*": "*a*",
    xab: undefined,
  };
  assert.deepEqual(chosen(table, Object.keys(wanted)), wanted);
});

test("without a matching virtual host there is no route, whatever the path", () => {
  assert.equal(hostsTable([["a"]]).match(requestFor("/", { host: "b" })), undefined);
  assert.equal(routeTable({}).match(requestFor("/")), undefined);
});

test("the first route that matches is taken, and a miss stays in its virtual host", () => {
  const table = routeTable({
    virtual_hosts: [
      {
        name: "shop",
        domains: ["shop"],
        routes: [
          answering({ prefix: "/a", headers: [{ name: "x", exact_match: "1" }] }, 201),
          answering({ prefix: "/a/b" }, 202),
          answering({ prefix: "/a" }, 203),
        ],
      },
      { name: "any", domains: ["*"], routes: [answering({ prefix: "/" }, 204)] },
    ],
  });
  const status = (target: string, x?: string): number | undefined => {
    const headers = x === undefined ? [] : ([["x", x]] as const);
    const action = table.match(requestFor(target, { headers }))?.route.action;
    return action?.kind === "direct" ? action.status : undefined;
  };
  assert.equal(status("/a/b", "1"), 201);
  assert.equal(status("/a/b", "2"), 202);
  assert.equal(status("/a"), 203);
  assert.equal(status("/c"), undefined);
});

test("a result names table, virtual host and route, and is the same object each time", () => {
  const table = tableOf(answering({ prefix: "/" }));
  const result = table.match(requestFor("/"));
  assert.ok(result !== undefined);
  assert.equal(result.table, table);
  assert.equal(result.virtualHost, table.virtualHosts[0]);
  assert.equal(result.route, table.virtualHosts[0]?.routes[0]);
  assert.equal(table.match(requestFor("/other")), result);
});

test("what cannot be meant is refused at its path, all at once", () => {
  const route = answering({ prefix: "/" });
  const errors = configErrors({
    validate_clusters: true,
    virtual_hosts: [
      { domains: ["a", "*"], routes: [{ match: { prefix: "/" } }] },
      { name: "b", domains: [], routes: [{ direct_response: { status: 200 } }] },
      { name: "c", domains: ["A", "*"], routes: [route] },
    ],
    request_headers_to_add: [{ header: { key: "host", value: "x" } }],
  });
  assert.deepEqual(errors, [
    "request_headers_to_add[0].header.key: host cannot be changed by a route",
    "validate_clusters: clusters are not checked here; a missing one is answered with cluster_not_found_response_code",
    "virtual_hosts[0].name: a name is required",
    "virtual_hosts[0].routes[0]: one of route, redirect, direct_response is required",
    "virtual_hosts[1].routes[0].match: a match is required",
    "virtual_hosts[1].domains: at least one domain is required",
    "virtual_hosts[2].domains[0]: A stands in two places",
    "virtual_hosts[2].domains[1]: * stands in two places",
  ]);
});

test("CONNECT is taken by connect matchers, and by nothing else; they take nothing else", () => {
  const table = tableOf(
    { ...answering({ prefix: "/" }), name: "path" },
    { ...answering({ connect_matcher: {}, headers: [{ name: "x" }] }), name: "with-header" },
    { ...answering({ connect_matcher: {} }), name: "connect" },
  );
  const named = (init: Parameters<typeof requestFor>[1], target = "") =>
    table.match(requestFor(target, init))?.route.name;
  assert.equal(named({ method: "CONNECT" }), "connect");
  assert.equal(named({ method: "CONNECT", headers: [["x", "1"]] }), "with-header");
  assert.equal(named({}, "/"), "path");
  assert.equal(
    tableOf(answering({ prefix: "" })).match(requestFor("", { method: "CONNECT" })),
    undefined,
  );
});

const domain = fc.constantFrom("a", "a.b", "*.b", "*", "a.*", "a:80", "*b", "x.*");
const matcher = fc.constantFrom<JsonObject>(
  { prefix: "/" },
  { prefix: "/a" },
  { path: "/a" },
  { path_separated_prefix: "/a" },
  { safe_regex: { regex: "/a+" } },
  { prefix: "/", headers: [{ name: "x", exact_match: "1" }] },
  { prefix: "/", query_parameters: [{ name: "q" }] },
);
const request = fc.record({
  host: fc.constantFrom("a", "A", "a.b", "c.b", "a:80", "x.y", "zb"),
  target: fc.constantFrom("/", "/a", "/ab", "/a/b", "/aa?q", "/b?q=1"),
  headers: fc.constantFrom<(readonly [string, string])[]>([], [["x", "1"]], [["x", "2"]]),
});

test("the same configuration and request give the same route, whatever was asked before", () => {
  const virtualHost = fc.tuple(domain, fc.array(matcher, { minLength: 1, maxLength: 4 }));
  const config = fc.uniqueArray(virtualHost, { selector: ([name]) => name, maxLength: 5 });
  fc.assert(
    fc.property(config, fc.array(request, { minLength: 1, maxLength: 8 }), (hosts, requests) => {
      const json = {
        virtual_hosts: hosts.map(([name, matchers]) => ({
          ...{ name, domains: [name] },
          routes: matchers.map((match, index) => ({ ...answering(match), name: `${index}` })),
        })),
      };
      const used = routeTable(json);
      for (const { target, ...init } of requests) {
        const view = requestFor(target, init);
        const fresh = routeTable(json).match(view);
        const found = used.match(view);
        assert.equal(found?.virtualHost.name, fresh?.virtualHost.name);
        assert.equal(found?.route.name, fresh?.route.name);
      }
    }),
    { numRuns: 60 },
  );
});

test("routes of a virtual host that do the same share what they do", () => {
  const rewrite = { cluster: "a", prefix_rewrite: "/x" };
  const table = routeTable({
    virtual_hosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          { match: { path: "/1" }, route: { cluster: "a" } },
          { match: { path: "/2" }, route: { cluster: "a" } },
          { match: { path: "/3" }, route: { cluster: "b" } },
          { match: { prefix: "/4" }, route: rewrite },
          { match: { prefix: "/5" }, route: rewrite },
        ],
      },
    ],
  });
  const actions = table.virtualHosts[0]!.routes.map(({ action }) => action);
  assert.equal(actions[0], actions[1]);
  assert.notEqual(actions[0], actions[2]);
  // What is replaced is the route's own prefix.
  assert.notEqual(actions[3], actions[4]);
});

test("what is wrong in several routes is told of each", () => {
  const wrong = { match: { prefix: "/" }, route: {} };
  const errors = configErrors({
    virtual_hosts: [{ name: "all", domains: ["*"], routes: [wrong, wrong] }],
  });
  const told = "one of cluster, weighted_clusters is required";
  assert.deepEqual(errors, [
    `virtual_hosts[0].routes[0].route: ${told}`,
    `virtual_hosts[0].routes[1].route: ${told}`,
  ]);
});
