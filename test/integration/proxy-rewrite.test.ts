/** What a route makes of a request's path arrives at the upstream, and is a path whatever the route says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyFixture } from "../support/proxy-fixture.ts";
import { RawClient } from "../support/raw-client.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const regex = (pattern: string, substitution: string): JsonObject => ({
  regex_rewrite: { pattern: { regex: pattern }, substitution },
});

test("rewritten paths keep the query, and their first slash", async (context) => {
  const upstream = await RawUpstream.start(context, {
    onRequest: (request) => request.reply(request.target),
  });
  const routes = [
    { ...routeTo("app", { prefix_rewrite: "/new" }), match: { path_separated_prefix: "/old" } },
    { ...routeTo("app", regex("/v(\\d)/(.*)", "/\\2/\\1")), match: { prefix: "/v" } },
    { ...routeTo("app", regex("^/", "")), match: { prefix: "/" } },
  ];
  const clusters = [{ name: "app", endpoints: [upstream.port] }];
  const proxy = await ProxyFixture.start(context, bootstrapOf([{ routes }], clusters));
  const client = await RawClient.connect(proxy.port());
  context.after(() => client.close());
  const answerTo = async (target: string): Promise<string> => {
    client.send(`GET ${target} HTTP/1.1\r\nhost: app\r\n\r\n`);
    const { status, body } = await client.response();
    return `${status} ${body.trim()}`;
  };
  assert.equal(await answerTo("/old/a?b=c"), "200 /new/a?b=c");
  assert.equal(await answerTo("/v2/list?b"), "200 /list/2?b");
  assert.equal(await answerTo("/a?b"), "200 /a?b");
});
