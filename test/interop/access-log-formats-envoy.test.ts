/**
 * One format string, two proxies: a real Envoy and our sidecar write the same text about the same requests. What must
 * differ, since it is about the proxy itself or the moment, is not in the format; what differs on purpose is listed.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { listenerPorts, type ProxyProcess } from "../oracle/proxy-pair.ts";
import { SidecarProcess } from "../oracle/sidecar-process.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { EnvoyProcess, eventually } from "../support/envoy-process.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { RawUpstream } from "../support/raw-upstream.ts";

const envoy = await envoyOrSkip();

/** Beside the case's name, which finds the line. */
const OPERATORS = [
  ...["REQ(:METHOD)", "REQ(X-ENVOY-ORIGINAL-PATH?:PATH)", "REQ(:AUTHORITY)", "REQ(:SCHEME)"],
  ...["PROTOCOL", "RESPONSE_CODE", "RESPONSE_FLAGS", "RESPONSE_FLAGS_LONG"],
  ...["RESPONSE_CODE_DETAILS", "CONNECTION_TERMINATION_DETAILS", "BYTES_RECEIVED", "BYTES_SENT"],
  ...["ROUTE_NAME", "UPSTREAM_CLUSTER", "UPSTREAM_CLUSTER_RAW", "UPSTREAM_HOST"],
  ...["UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "UPSTREAM_REQUEST_ATTEMPT_COUNT"],
  ...["REQ(USER-AGENT)", "REQ(USER-AGENT):5", "REQ(X-A?X-B)", "REQ(X-LIST)", "REQ(X-TEXT)"],
  ...["RESP(X-ANSWER)", "RESP(CONTENT-TYPE):10", "RESP(:STATUS)", "RESP(X-MISSING?X-ANSWER)"],
  ...["TRAILER(X-T)", "GRPC_STATUS", "GRPC_STATUS(SNAKE_STRING)", "GRPC_STATUS_NUMBER"],
  ...["DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT"],
  ...["DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", "ACCESS_LOG_TYPE", "START_TIME(%Y)"],
  ...["ENVIRONMENT(TULLE_TEST_NOTHING)", "REQUESTED_SERVER_NAME", "DOWNSTREAM_PEER_URI_SAN"],
  ...["DOWNSTREAM_TLS_VERSION", "DYNAMIC_METADATA(a:b)", "METADATA(CLUSTER:istio:services)"],
  ...["TRACE_ID", "HOSTNAME"],
];

interface Case {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  /** Operators whose values differ on purpose, and why. */
  readonly differs?: Readonly<Record<string, string>>;
}

const JSON_TYPE = { "content-type": "application/json" };
const GRPC = { "content-type": "application/grpc", te: "trailers" };

const OWN_WORDS = "an answer of the proxy's own has other words";

const CASES: readonly Case[] = [
  ...[
    "/",
    "/items",
    "/items/7?a=1&b=2",
    "/%41?q=%20",
    "/a//b",
    "/?",
    "/.well-known/x",
    "/~x;y=1",
  ].map((path) => ({ path })),
  ...["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"].map((method) => ({ path: "/items", method })),
  ...[201, 204, 304, 400, 404, 429, 500, 503].map((status) => ({ path: `/status/${status}` })),
  { path: "/post", method: "POST", body: "abc", headers: JSON_TYPE },
  { path: "/post", method: "POST", body: "x".repeat(10_000) },
  { path: "/post", method: "POST", body: "" },
  { path: "/chunked" },
  { path: "/items", headers: { "user-agent": "a-long-name/1.0" } },
  { path: "/items", headers: { "x-a": "a" } },
  { path: "/items", headers: { "x-b": "b" } },
  { path: "/items", headers: { "x-a": "a", "x-b": "b" } },
  {
    path: "/items",
    headers: { "x-list": ["1", "2"] },
    differs: { "REQ(X-LIST)": "all values of a repeated field, not the first alone" },
  },
  { path: "/items", headers: { "x-text": 'quote " and \\ and % and %REQ(X)%' } },
  { path: "/items", headers: { "x-text": "" } },
  { path: "/items", headers: { host: "other.example:81" } },
  { path: "/items", headers: { "x-forwarded-for": "10.0.0.1" } },
  { path: "/rewritten/1?a=b" },
  { path: "/direct" },
  { path: "/redirect" },
  { path: "/none-such", headers: { host: "nowhere.example" } },
  { path: "/items", headers: { "x-absolute": "http://a/b?token=c" } },
  {
    path: "/dead",
    differs: {
      RESPONSE_CODE_DETAILS: "the system's words stand in the failure reason",
      BYTES_SENT: OWN_WORDS,
      UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: "of whoever was tried, not connected to alone",
    },
  },
  {
    path: "/empty",
    differs: {
      BYTES_SENT: OWN_WORDS,
      UPSTREAM_REQUEST_ATTEMPT_COUNT: "what found no endpoint was no attempt",
    },
  },
  { path: "/close", differs: { BYTES_SENT: OWN_WORDS } },
  { path: "/grpc", method: "POST", body: "", headers: GRPC },
  { path: "/grpc-failed", method: "POST", body: "", headers: GRPC },
];

/** What is written of each case, by operator. */
type Told = ReadonlyMap<string, Readonly<Record<string, string>>>;

function bootstrap(path: string, app: RawUpstream, dead: number): JsonObject {
  const route = (name: string, action: JsonObject, match: JsonObject): JsonObject => ({
    ...{ name, match, ...action },
  });
  const prefix = (text: string): JsonObject => ({ prefix: text });
  const format = ["%REQ(X-CASE)%", ...OPERATORS.map((name) => `%${name}%`)].join("\t");
  return bootstrapOf(
    [
      {
        routes: [
          route(
            "direct",
            { direct_response: { status: 203, body: { inline_string: "hi" } } },
            prefix("/direct"),
          ),
          route("redirect", { redirect: { path_redirect: "/there" } }, prefix("/redirect")),
          {
            name: "rewritten",
            ...routeTo("app", { prefix_rewrite: "/new" }, prefix("/rewritten")),
          },
          { name: "dead", ...routeTo("dead", {}, prefix("/dead")) },
          { name: "empty", ...routeTo("empty", {}, prefix("/empty")) },
          { name: "all", ...routeTo("app", {}, prefix("/")) },
        ],
        manager: {
          access_log: [
            {
              name: "file",
              typed_config: {
                "@type":
                  "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                path,
                log_format: { text_format_source: { inline_string: `${format}\n` } },
              },
            },
          ],
        },
      },
    ],
    [
      { name: "app", endpoints: [app.port] },
      { name: "dead", endpoints: [dead] },
      { name: "empty", endpoints: [] },
    ],
  );
}

async function told(proxy: ProxyProcess, path: string): Promise<Told> {
  const port = (await listenerPorts(proxy, 1)).get("main") ?? assert.fail("no listener");
  for (const [index, { path: target, method = "GET", headers = {}, body }] of CASES.entries()) {
    const sent = request({
      ...{ port, path: target, method, agent: false },
      headers: {
        host: "shop.example",
        ...(headers as Record<string, string>),
        "x-case": String(index),
      },
    });
    sent.on("error", () => {});
    sent.end(body);
    const [answer] = await once(sent, "response");
    answer.on("error", () => {});
    answer.resume();
    await once(answer, "close");
  }
  const lines = await eventually(
    "every case is logged",
    async () => readFileSync(path, "utf8").split("\n").slice(0, -1),
    (found) => found.length === CASES.length,
  );
  return new Map(
    lines.map((line) => {
      const [name = "", ...values] = line.split("\t");
      return [name, Object.fromEntries(OPERATORS.map((one, index) => [one, values[index] ?? ""]))];
    }),
  );
}

test("the same format gives the same text", { skip: envoy.skip ?? false }, async (context) => {
  assert.ok(envoy.path !== undefined);
  const folder = mkdtempSync(join(tmpdir(), "tulle-formats-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const app = await RawUpstream.start(context, {
    onRequest: ({ target, connection, reply }) => {
      const [, status] = /^\/status\/(\d+)/.exec(target) ?? [];
      if (target === "/close") {
        connection.socket.destroy();
      } else if (target === "/chunked") {
        connection.send(
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        );
      } else if (target.startsWith("/grpc")) {
        const code = target === "/grpc" ? 0 : 5;
        reply("", ["content-type: application/grpc", `grpc-status: ${code}`]);
      } else if (status === "204" || status === "304") {
        connection.send(`HTTP/1.1 ${status} Whatever\r\nx-answer: none\r\n\r\n`);
      } else {
        const lines = ["x-answer: yes", "content-type: text/plain; charset=utf-8"];
        reply("hello", lines, `${status ?? 200} Whatever`);
      }
    },
  });
  const closed = await RawUpstream.start(context);
  const dead = closed.port;
  await closed.close();
  const paths = { envoy: join(folder, "envoy.log"), tulle: join(folder, "tulle.log") };
  const real = await EnvoyProcess.start({
    binary: envoy.path,
    bootstrap: bootstrap(paths.envoy, app, dead),
  });
  context.after(() => real.stop());
  const ours = await SidecarProcess.start(bootstrap(paths.tulle, app, dead));
  context.after(() => ours.stop());
  const expected = await told(real, paths.envoy);
  const found = await told(ours, paths.tulle);
  assert.ok(CASES.length >= 40);
  const differences = CASES.flatMap((one, index) => {
    const [a, b] = [expected.get(String(index)), found.get(String(index))];
    const listed = one.differs ?? {};
    return OPERATORS.filter(
      (name) => (a?.[name] !== b?.[name]) !== Object.hasOwn(listed, name),
    ).map((name) => {
      const what = `${one.method ?? "GET"} ${one.path} ${JSON.stringify(one.headers ?? {})}`;
      return `${what} %${name}%: envoy ${a?.[name]} tulle ${b?.[name]}`;
    });
  });
  assert.deepEqual(differences, []);
});
