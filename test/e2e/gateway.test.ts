/**
 * A gateway as people meet it: `tulle gateway` beside a mesh, requests from outside by HTTP and HTTPS, routes and
 * certificates that come and go.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import type { ExplainResponse } from "../../src/control-plane/explain/explain-types.ts";
import { freePort } from "../support/free-port.ts";
import { askGateway } from "../support/gateway-client.ts";
import { type ServerCertificate, writeServerCertificate } from "../support/server-certificate.ts";
import { CatalogMesh } from "./catalog-mesh.ts";
import type { TulleProcess } from "./tulle-process.ts";

/** Answers with what it was sent. */
const APP = `
require("node:http").createServer((request, response) => {
  response.end(JSON.stringify({ app: process.env.APP, url: request.url, headers: request.headers }));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const GATEWAY_API = "gateway.networking.k8s.io/v1";
let mesh: CatalogMesh;
let gateway: TulleProcess;
let shop: ServerCertificate;
let other: ServerCertificate;
let http: number;
let https: number;

function listener(name: string, host: string, { certificateFile, keyFile }: ServerCertificate) {
  const options = {
    "mesh.tulle.dev/certificate-file": certificateFile,
    "mesh.tulle.dev/key-file": keyFile,
  };
  return { name, port: https, protocol: "HTTPS", hostname: host, tls: { options } };
}

function gatewayObject(): object {
  return {
    apiVersion: GATEWAY_API,
    kind: "Gateway",
    metadata: { name: "shop" },
    spec: {
      gatewayClassName: "tulle",
      listeners: [
        { name: "http", port: http, protocol: "HTTP" },
        listener("shop", "shop.example", shop),
        listener("other", "*.other.example", other),
      ],
    },
  };
}

function route(name: string, spec: object): object {
  return { apiVersion: GATEWAY_API, kind: "HTTPRoute", metadata: { name }, spec };
}

const to = (name: string, more: object = {}) => ({ backendRefs: [{ name, port: 80 }], ...more });

before(async () => {
  [http, https] = [await freePort(), await freePort()];
  mesh = await CatalogMesh.start({
    name: "edge",
    app: APP,
    services: { catalog: { env: { APP: "catalog" } }, reviews: { env: { APP: "reviews" } } },
  });
  shop = writeServerCertificate(mesh.home.path, "shop", ["shop.example"]);
  other = writeServerCertificate(mesh.home.path, "other", ["*.other.example"]);
  gateway = mesh.home.start(["gateway", "shop", "--mesh", "edge", "--workers", "2"]);
  await gateway.waitFor(/gateway shop is ready/);
  await mesh.apply(
    gatewayObject(),
    route("shop", {
      parentRefs: [{ name: "shop", sectionName: "shop" }],
      hostnames: ["shop.example"],
      rules: [
        { matches: [{ path: { value: "/reviews" } }], ...to("reviews") },
        to("catalog", {
          filters: [
            {
              type: "ResponseHeaderModifier",
              responseHeaderModifier: {
                set: [{ name: "strict-transport-security", value: "max-age=31536000" }],
              },
            },
          ],
        }),
      ],
    }),
    route("redirect", {
      parentRefs: [{ name: "shop", sectionName: "http" }],
      rules: [
        {
          filters: [
            {
              type: "RequestRedirect",
              requestRedirect: { scheme: "https", port: https, statusCode: 301 },
            },
          ],
        },
      ],
    }),
    route("other", {
      parentRefs: [{ name: "shop" }],
      hostnames: ["a.other.example", "*.other.example"],
      rules: [to("reviews")],
    }),
  );
});

after(async () => {
  await mesh?.remove();
});

const ask = (path: string, headers: Record<string, string> = {}) =>
  askGateway(https, "shop.example", path, { ca: [shop.pem], headers });

test("requests from outside reach services by HTTPS and mutual TLS", async () => {
  const answer = await ask("/products?id=1");
  assert.equal(answer.status, 200, answer.body);
  const { app, url, headers } = JSON.parse(answer.body);
  assert.deepEqual([app, url, headers.host], ["catalog", "/products?id=1", "shop.example"]);
  assert.equal(answer.headers["strict-transport-security"], "max-age=31536000");
  assert.match(
    headers["x-forwarded-client-cert"],
    /URI=spiffe:\/\/tulle.local\/ns\/default\/sa\/shop/,
  );
  assert.equal(headers["x-forwarded-proto"], "https");
  assert.equal(JSON.parse((await ask("/reviews/7")).body).app, "reviews");
});

test("fields of the mesh that strangers send are removed, and addresses that they claim are not believed", async () => {
  const { headers } = JSON.parse(
    (
      await ask("/", {
        "x-tulle-protocol": "HTTP/2",
        "x-envoy-retry-on": "5xx",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-client-cert": "URI=spiffe://tulle.local/ns/default/sa/admin",
      })
    ).body,
  );
  assert.equal(headers["x-forwarded-for"], "127.0.0.1");
  assert.equal(headers["x-tulle-protocol"], undefined);
  assert.equal(headers["x-envoy-retry-on"], undefined);
  assert.doesNotMatch(headers["x-forwarded-client-cert"], /admin/);
});

test("browsers speak HTTP/2 with it", async () => {
  const session = connect(`https://127.0.0.1:${https}`, {
    ca: shop.pem,
    servername: "shop.example",
  });
  const stream = session.request({ ":path": "/", ":authority": "shop.example" });
  const [headers] = await once(stream, "response");
  assert.equal(headers[":status"], 200);
  assert.equal(JSON.parse(await text(stream)).app, "catalog");
  session.close();
});

test("HTTP is sent to HTTPS; hosts without a route get 404; another certificate's host 421", async () => {
  const redirect = await askGateway(http, "shop.example", "/products");
  assert.equal(redirect.status, 301);
  assert.equal(redirect.headers.location, `https://shop.example:${https}/products`);
  const deep = await askGateway(https, "a.other.example", "/", { ca: [other.pem] });
  assert.equal(JSON.parse(deep.body).app, "reviews");
  assert.equal(deep.subject, "*.other.example");
  const misdirected = await askGateway(https, "a.other.example", "/", {
    ca: [shop.pem],
    serverName: "shop.example",
  });
  assert.equal(misdirected.status, 421);
  await assert.rejects(askGateway(https, "stranger.example", "/", { ca: [shop.pem] }));
});

test("explain says of requests from outside what the gateway does with them", async () => {
  const explain = async (url: string, ...more: readonly string[]): Promise<ExplainResponse> =>
    JSON.parse(await mesh.tulle("explain", url, "--gateway", "shop", ...more, "-o", "json"));
  const cases = [
    { host: "shop.example", path: "/products/7", from: shop, listener: "shop" },
    { host: "shop.example", path: "/reviews/7", from: shop, listener: "shop" },
    { host: "a.other.example", path: "/", from: other, listener: "other" },
    { host: "deep.b.other.example", path: "/x", from: other, listener: "other" },
    { host: "shop.example", path: "/products", from: undefined, listener: "http" },
    { host: "a.other.example", path: "/products", from: undefined, listener: "http" },
  ];
  for (const { host, path, from, listener } of cases) {
    const port = from === undefined ? http : https;
    const scheme = from === undefined ? "http" : "https";
    const trusted = from === undefined ? {} : { ca: [from.pem] };
    // A certificate's wildcard is for one label, as this client checks it; a listener's for any number.
    const serverName = host.replace(/^deep\./, "");
    const answer = await askGateway(port, host, path, { ...trusted, serverName });
    const told = await explain(`${scheme}://${host}:${port}${path}`);
    const at = `${scheme}://${host}${path}`;
    assert.deepEqual(told.gateway, { namespace: "default", name: "shop", listener }, at);
    assert.equal(told.from.proxy?.startsWith("shop"), true, at);
    if (answer.status === 200) {
      const { app } = JSON.parse(answer.body);
      assert.match(told.outcome, new RegExp(`^forwarded to .*\\|${app}\\.default\\.svc`), at);
      assert.notEqual(told.inbound, null, at);
    } else {
      assert.match(told.outcome, new RegExp(`\\b${answer.status}\\b`), at);
    }
  }
  // The only port that speaks it; by the listener's name; and what nobody takes.
  assert.match((await explain("https://shop.example/")).listener.address, new RegExp(`:${https}$`));
  const named = await explain("http://shop.example/", "--listener", "http");
  assert.equal(named.route?.source?.name, "redirect");
  const { output } = await mesh.home.start([
    ...["explain", "https://stranger.example/", "--gateway", "shop"],
  ]).ended;
  assert.match(output, /takes the server name stranger.example: the TLS handshake is refused/);
  const text = await mesh.tulle("explain", "https://shop.example/reviews/7", "--gateway", "shop");
  assert.match(text, /From: +outside\n +Gateway: +default\/shop \(shop/);
  assert.match(text, /HTTPRoute default\/shop, rule 1, match 1/);
});

test("a certificate that was renewed is shown without a restart", async () => {
  const renewed = writeServerCertificate(mesh.home.path, "shop", ["shop.example", "new.example"]);
  for (let tries = 0; ; tries++) {
    try {
      assert.equal(
        (await askGateway(https, "shop.example", "/", { ca: [renewed.pem] })).status,
        200,
      );
      break;
    } catch (error) {
      if (tries > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  shop = renewed;
});

test("statuses say what is attached, and why something is not", async () => {
  const get = async (kind: string, name: string) =>
    JSON.parse(await mesh.tulle("get", kind, name, "-o", "json"));
  const conditionOf = (
    conditions: { type: string; status: string; reason: string; message: string }[],
    type: string,
  ): { type: string; status: string; reason: string; message: string } | undefined =>
    conditions.find((one) => one.type === type);
  // Written when the gateway's process has opened its ports, behind what requests wait for.
  let { status } = await get("gateway", "shop");
  for (let tries = 0; conditionOf(status.conditions, "Programmed")?.status !== "True"; tries++) {
    assert.ok(tries < 50, JSON.stringify(status));
    ({ status } = await get("gateway", "shop"));
  }
  assert.equal(conditionOf(status.conditions, "Accepted")?.status, "True");
  assert.deepEqual(
    status.listeners.map((one: { name: string; attachedRoutes: number }) => [
      one.name,
      one.attachedRoutes,
    ]),
    [
      ["http", 2],
      ["shop", 1],
      ["other", 1],
    ],
  );
  // A port that somebody else has: the Gateway is not what it says until that one lets go of it.
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port: taken } = holder.address() as AddressInfo;
  const both = gatewayObject() as { spec: { listeners: object[] } };
  both.spec.listeners.push({ name: "taken", port: taken, protocol: "HTTP" });
  await mesh.tryApply(both);
  const programmed = async (wanted: string, message: RegExp) => {
    for (let tries = 0; ; tries++) {
      ({ status } = await get("gateway", "shop"));
      const whole = conditionOf(status.conditions, "Programmed");
      const one = status.listeners.find(({ name }: { name: string }) => name === "taken");
      const own = conditionOf(one?.conditions ?? [], "Programmed");
      const isSo = [whole, own].every(
        (condition) => condition?.status === wanted && message.test(condition.message),
      );
      if (isSo) return;
      assert.ok(tries < 100, JSON.stringify(status));
    }
  };
  await programmed("False", new RegExp(`cannot open port ${taken}: .*address already in use`));
  const http1 = status.listeners.find(({ name }: { name: string }) => name === "http");
  assert.equal(conditionOf(http1.conditions, "Programmed")?.status, "True");
  holder.close();
  await programmed("True", /^$/);
  await mesh.apply(gatewayObject());
  const parents = async (name: string) =>
    (await get("httproute", name)).status.parents[0].conditions;
  await mesh.tryApply(
    route("lost", { parentRefs: [{ name: "shop", sectionName: "none" }], rules: [to("catalog")] }),
    route("hosts", {
      parentRefs: [{ name: "shop", sectionName: "shop" }],
      hostnames: ["else.example"],
      rules: [to("catalog")],
    }),
  );
  const reasonOf = async (name: string) => conditionOf(await parents(name), "Accepted")?.reason;
  for (const [name, reason] of [
    ["lost", "NoMatchingParent"],
    ["hosts", "NoMatchingListenerHostname"],
  ] as const) {
    for (let tries = 0; (await reasonOf(name)) !== reason; tries++) {
      assert.ok(tries < 50, `${name}: ${await reasonOf(name)}`);
    }
  }
});

test("wrong fields are refused by name", async () => {
  const wrong = await mesh.tryApply({
    apiVersion: GATEWAY_API,
    kind: "Gateway",
    metadata: { name: "wrong" },
    spec: { listeners: [{ name: "a", port: 443, protocol: "HTTPS", tls: { options: {} } }] },
  });
  assert.notEqual(wrong.code, 0);
  assert.match(
    wrong.output,
    /certificate-file.*is missing; certificates come from files on the gateway's machine/,
  );
});

test("policies select a gateway by its labels, and it ends without losing its port", async () => {
  await mesh.apply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "edge" },
    spec: {
      selector: { matchLabels: { "gateway.networking.k8s.io/gateway-name": "shop" } },
      action: "DENY",
      rules: [{ to: [{ operation: { paths: ["/reviews/*"] } }] }],
    },
  });
  assert.equal((await ask("/reviews/7")).status, 403);
  assert.equal((await ask("/products")).status, 200);
  gateway.signal("SIGTERM");
  assert.equal((await gateway.ended).code, 0, gateway.output);
});
