/**
 * RBAC in a sidecar's process, for every pair of versions of HTTP: T24 (CVE-2026-26308, CVE-2021-32777,
 * CVE-2024-10006), what is logged and counted of a denial, and what a stranger is told of it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { connect, createServer as createServer2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, type ListenerSpec, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";
const ACCESS_LOG = {
  name: "log",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
  },
};

const isAdmin = { header: { name: "x-role", string_match: { exact: "admin" } } };
const NAME = "ns[shop]-policy[roles]-rule[0]";

function rbac(action: string, permission: JsonObject): JsonObject {
  const policies = { [NAME]: { permissions: [permission], principals: [{ any: true }] } };
  return {
    name: "envoy.filters.http.rbac",
    typed_config: { "@type": `${HTTP}.rbac.v3.RBAC`, rules: { action, policies } },
  };
}

function listener(name: string, action: string, permission: JsonObject): ListenerSpec {
  const router = { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } };
  return {
    name,
    routes: [routeTo("two", {}, { prefix: "/two" }), routeTo("one")],
    manager: { http_filters: [rbac(action, permission), router], access_log: [ACCESS_LOG] },
  };
}

interface Setup {
  readonly proxy: ProxyProcess;
  /** Requests that have reached an app. */
  readonly reached: string[];
}

async function setUp(context: TestContext): Promise<Setup> {
  const reached: string[] = [];
  const one = createServer((incoming, response) => {
    reached.push(`one ${incoming.url}`);
    response.end();
  }).listen(0, "127.0.0.1");
  const two = createServer2((incoming, response) => {
    reached.push(`two ${incoming.url}`);
    response.end();
  }).listen(0, "127.0.0.1");
  context.after(() => {
    one.close();
    two.close();
  });
  await Promise.all([once(one, "listening"), once(two, "listening")]);
  const port = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
  const http2 = {
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  };
  const bootstrap = bootstrapOf(
    [
      listener("deny", "DENY", isAdmin),
      listener("deny-not", "DENY", { not_rule: isAdmin }),
      listener("allow", "ALLOW", isAdmin),
      listener("allow-not", "ALLOW", { not_rule: isAdmin }),
    ],
    [
      { name: "one", endpoints: [port(one)] },
      { name: "two", endpoints: [port(two)], fields: http2 },
    ],
  );
  return { proxy: await ProxyProcess.start(context, bootstrap), reached };
}

type Ask = (port: number, path: string, roles: readonly string[], name?: string) => Promise<number>;

const ask1: Ask = async (port, path, roles, name = "x-role") => {
  const outgoing = request({ host: "127.0.0.1", port, path, agent: false });
  if (roles.length > 0) outgoing.setHeader(name, [...roles]);
  outgoing.end();
  const [response] = await once(outgoing, "response");
  response.resume();
  await once(response, "end");
  return response.statusCode;
};

const ask2: Ask = async (port, path, roles, name = "x-role") => {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": path, [name.toLowerCase()]: [...roles] });
  stream.resume();
  const [headers] = await once(stream, "response");
  await once(stream, "close");
  session.destroy();
  return headers[":status"];
};

/** By listener: what the roles of a request come to. */
const CASES: readonly (readonly [roles: readonly string[], Readonly<Record<string, number>>])[] = [
  [[], { deny: 200, "deny-not": 403, allow: 403, "allow-not": 200 }],
  [["admin"], { deny: 403, "deny-not": 200, allow: 200, "allow-not": 403 }],
  [["user"], { deny: 200, "deny-not": 403, allow: 403, "allow-not": 200 }],
  // Two that disagree: whoever denies goes by the worse, whoever allows by both.
  [["admin", "user"], { deny: 403, "deny-not": 403, allow: 403, "allow-not": 403 }],
  [["user", "admin"], { deny: 403, "deny-not": 403, allow: 403, "allow-not": 403 }],
  [["admin", "admin"], { deny: 403, "deny-not": 200, allow: 200, "allow-not": 403 }],
  // One field with a comma is one value, as in Envoy.
  [["user,admin"], { deny: 200, "deny-not": 403, allow: 403, "allow-not": 200 }],
];

for (const [client, ask] of [
  ["HTTP/1.1", ask1],
  ["HTTP/2", ask2],
] as const) {
  for (const app of ["one", "two"]) {
    test(`T24: each value of a header is judged, from ${client} to HTTP/${app}`, async (context) => {
      const { proxy, reached } = await setUp(context);
      let allowed = 0;
      for (const [roles, due] of CASES) {
        for (const [name, status] of Object.entries(due)) {
          const found = await ask(proxy.port(name), `/${app}`, roles);
          assert.equal(found, status, `${name} ${roles.join(" | ")}`);
          if (status === 200) allowed += 1;
        }
      }
      // Names are compared without case, and a dash is no underscore.
      assert.equal(await ask(proxy.port("deny"), `/${app}`, ["admin"], "X-ROLE"), 403);
      assert.equal(await ask(proxy.port("deny"), `/${app}`, ["admin"], "x_role"), 200);
      assert.deepEqual(
        reached,
        Array.from({ length: allowed + 1 }, () => `${app} /${app}`),
      );
    });
  }
}

test("a denial is logged and counted with its policy, and a stranger is told nothing of it", async (context) => {
  const { proxy } = await setUp(context);
  const port = proxy.port("allow");
  const answer = await fetch(`http://127.0.0.1:${port}/x`, { headers: { "x-role": "user" } });
  assert.equal(answer.status, 403);
  assert.equal(
    await answer.text(),
    "access denied: an authorization policy does not allow this request\n",
  );
  assert.equal(answer.headers.get("x-tulle-denied-by"), null);
  while (proxy.output.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const line = JSON.parse(proxy.output[0] ?? "");
  assert.equal(line.response_flags, "UAEX");
  assert.equal(line.response_code_details, "rbac_access_denied_matched_policy[none]");
  const reason =
    "no ALLOW policy matches; nearest is shop/roles rule 0: header x-role is user, wanted exact admin";
  assert.equal(line.upstream_transport_failure_reason, reason);
  const metrics = (await proxy.admin("/metrics")).body;
  const counted = metrics
    .split("\n")
    .filter((text) => text.startsWith("tulle_policy_decisions_total"));
  assert.deepEqual(counted, [
    'tulle_policy_decisions_total{policy="none",rule="",action="ALLOW",mode="enforced",result="denied",condition="header x-role exact admin",source_principal="unknown"} 1',
  ]);
  assert.equal(await ask1(proxy.port("deny"), "/x", ["admin"]), 403);
  while (proxy.output.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const denied = JSON.parse(proxy.output[1] ?? "");
  assert.equal(denied.response_code_details, `rbac_access_denied_matched_policy[${NAME}]`);
});
