/**
 * Logins at a gateway as people have them: a real identity provider, pages that are filled in, sessions that are
 * refreshed, tampered with and ended.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { FormBrowser, type Page } from "../support/form-browser.ts";
import { freePort } from "../support/free-port.ts";
import { LoginPages } from "../support/login-pages.ts";
import { type ServerCertificate, writeServerCertificate } from "../support/server-certificate.ts";
import { signingKey } from "../support/signed-tokens.ts";
import { CatalogMesh } from "./catalog-mesh.ts";

const APP = `
require("node:http").createServer((request, response) => {
  response.end(JSON.stringify({ url: request.url, headers: request.headers }));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const GATEWAY_API = "gateway.networking.k8s.io/v1";
const SECRET = "a secret: of/the+test";
const ID_TOKEN_SECONDS = 4;

let mesh: CatalogMesh;
let provider: LoginPages;
let origin: string;
/** A gateway of which one route asks for logins. */
let club: string;
let ca: string;

before(async () => {
  const port = await freePort();
  origin = `https://shop.example:${port}`;
  const clubPort = await freePort();
  club = `https://club.example:${clubPort}`;
  provider = await LoginPages.start({
    key: signingKey("ES256", "first"),
    clientId: "shop",
    clientSecret: SECRET,
    redirectUris: [`${origin}/oauth2/callback`, `${club}/oauth2/callback`],
    logoutUri: `${origin}/`,
    idTokenSeconds: ID_TOKEN_SECONDS,
  });
  mesh = await CatalogMesh.start({
    name: "logins",
    app: APP,
    gateways: { shop: { workers: 2 }, club: { workers: 1 } },
    resources: [
      {
        apiVersion: "mesh.tulle.dev/v1",
        kind: "MeshConfig",
        metadata: { name: "default" },
        spec: { fetching: { allowedAddresses: ["127.0.0.1"] } },
      },
    ],
  });
  const certificate = writeServerCertificate(mesh.home.path, "shop", [
    "shop.example",
    "club.example",
  ]);
  ca = certificate.pem;
  const secretFile = join(mesh.home.path, "oidc-secret");
  await writeFile(secretFile, `${SECRET}\n`, { mode: 0o600 });
  await mesh.apply(
    gatewayObject("shop", port, certificate),
    routeObject("shop", "shop", ["/"]),
    policyObject("staff", { kind: "Gateway", name: "shop" }, secretFile, {
      redirectURL: `${origin}/oauth2/callback`,
    }),
    gatewayObject("club", clubPort, certificate),
    routeObject("open", "club", ["/"]),
    routeObject("members", "club", ["/members", "/oauth2/callback", "/logout"]),
    policyObject("members", { kind: "HTTPRoute", name: "members" }, secretFile, {
      forwardAccessToken: true,
      clientAuthentication: "Basic",
    }),
    {
      apiVersion: "mesh.tulle.dev/v1",
      kind: "AuthorizationPolicy",
      metadata: { name: "edge" },
      spec: {
        selector: { matchLabels: { "gateway.networking.k8s.io/gateway-name": "shop" } },
        action: "DENY",
        rules: [
          {
            from: [{ source: { requestPrincipals: [`${provider.issuer}/mallory`] } }],
          },
        ],
      },
    },
  );
  await untilKeysAreThere();
});

/** A Gateway with one port, which ends TLS. */
function gatewayObject(
  name: string,
  port: number,
  { certificateFile, keyFile }: ServerCertificate,
) {
  const options = {
    "mesh.tulle.dev/certificate-file": certificateFile,
    "mesh.tulle.dev/key-file": keyFile,
  };
  const listener = { name: "https", port, protocol: "HTTPS", tls: { options } };
  return {
    apiVersion: GATEWAY_API,
    kind: "Gateway",
    metadata: { name },
    spec: { listeners: [listener] },
  };
}

function routeObject(name: string, gateway: string, paths: readonly string[]) {
  return {
    apiVersion: GATEWAY_API,
    kind: "HTTPRoute",
    metadata: { name },
    spec: {
      parentRefs: [{ name: gateway }],
      rules: [
        {
          matches: paths.map((value) => ({ path: { value } })),
          backendRefs: [{ name: "catalog", port: 80 }],
        },
      ],
    },
  };
}

function policyObject(name: string, target: object, secretFile: string, more: object = {}) {
  return {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "SecurityPolicy",
    metadata: { name },
    spec: {
      targetRefs: [{ group: "gateway.networking.k8s.io", ...target }],
      oidc: {
        provider: {
          issuer: provider.issuer,
          authorizationEndpoint: `${provider.issuer}/auth`,
          tokenEndpoint: `${provider.issuer}/token`,
          endSessionEndpoint: `${provider.issuer}/session/end`,
        },
        clientID: "shop",
        clientSecretFile: secretFile,
        claimToHeaders: [{ header: "x-user", claim: "sub" }],
        ...more,
      },
    },
  };
}

after(async () => {
  await mesh?.remove();
  await provider?.stop();
});

/** The policy says so until the issuer's keys have been fetched. */
async function untilKeysAreThere(): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const policy = JSON.parse(await mesh.tulle("get", "securitypolicy", "staff", "-o", "json"));
    const text = JSON.stringify(policy.status ?? {});
    if (policy.status !== undefined && !/KeysPending|KeysMissing|not fetched/.test(text)) return;
  }
  assert.fail("the issuer's keys were not fetched");
}

const isCallback = (url: URL): boolean => url.pathname === "/oauth2/callback";

/** From a page of the shop to the provider's answer, which is not taken back yet. */
async function toCallback(browser: FormBrowser, user: string, path = "/"): Promise<URL> {
  const login = await browser.open(new URL(path, origin));
  assert.equal(login.url.origin, provider.issuer, login.body);
  const consent = await browser.submit(login, { login: user, password: "x" }, isCallback);
  const back = isCallback(consent.url) ? consent : await browser.submit(consent, {}, isCallback);
  assert.ok(isCallback(back.url), back.body);
  return back.url;
}

async function logIn(user: string, path = "/"): Promise<{ browser: FormBrowser; page: Page }> {
  const browser = new FormBrowser([ca]);
  const page = await browser.open(await toCallback(browser, user, path));
  return { browser, page };
}

const shopCookies = (browser: FormBrowser) => browser.cookies.get("shop.example") ?? new Map();

test("a browser is sent to log in and comes back to the page that it asked for", async () => {
  const { browser, page } = await logIn("anna", "/products?id=1");
  assert.equal(page.status, 200, page.body);
  assert.equal(page.url.href, `${origin}/products?id=1`);
  const { url, headers } = JSON.parse(page.body);
  assert.equal(url, "/products?id=1");
  assert.equal(headers["x-user"], "anna");
  assert.equal(headers.cookie, undefined, "the session is the gateway's alone");
  const ours = browser.setCookies.filter((line) => line.startsWith("__Host-tulle-"));
  assert.ok(ours.length >= 3, "a login begun, ended, and a session");
  for (const line of ours) assert.match(line, /; Path=\/; Secure; HttpOnly; SameSite=Lax/);
  assert.ok(![...shopCookies(browser).keys()].some((name) => name.includes("login")));
  const again = await browser.fetch(new URL("/x", origin), {
    headers: {
      "x-user": "root",
      cookie: [...shopCookies(browser)].map(([name, value]) => `${name}=${value}`).join("; "),
    },
  });
  assert.equal(JSON.parse(again.body).headers["x-user"], "anna");
});

test("programs get 401, and users whom policy denies get 403", async () => {
  const stranger = new FormBrowser([ca]);
  const script = await stranger.fetch(new URL("/", origin), {
    headers: { "sec-fetch-mode": "cors" },
  });
  assert.equal(script.status, 401);
  const post = await stranger.fetch(new URL("/", origin), { method: "POST" });
  assert.equal(post.status, 401);
  const { page } = await logIn("mallory");
  assert.equal(page.status, 403, page.body);
});

test("sessions are refreshed, once however many requests come to whichever worker", async () => {
  const { browser } = await logIn("berta");
  const before = provider.count("grant refresh_token");
  const cookiesBefore = JSON.stringify([...shopCookies(browser)]);
  while (provider.count("grant refresh_token") === before) {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => browser.fetch(new URL("/", origin))),
    );
    for (const answer of answers) assert.equal(answer.status, 200, answer.body);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.notEqual(JSON.stringify([...shopCookies(browser)]), cookiesBefore);
  assert.deepEqual(
    provider.events.filter((line) => line.startsWith("refused refresh_token")),
    [],
  );
});

test("cookies that were tampered with, moved or cut are no session", async () => {
  const { browser } = await logIn("clara");
  const jar = shopCookies(browser);
  const [name = "", value = ""] = [...jar].find(([key]) => key.includes("session")) ?? [];
  const variants = [
    `${value.slice(0, -2)}AA`,
    value.slice(0, 40),
    value.replace("1.", "6."),
    value.replace("1.", "999999999."),
    "1.",
    "",
    "%%%",
    "1.AAAA",
  ];
  for (const variant of variants) {
    const cookie = `${name}=${variant}`;
    const answer = await new FormBrowser([ca]).fetch(new URL("/", origin), { headers: { cookie } });
    assert.equal(answer.status, 302, variant);
    assert.equal(new URL(answer.headers.location ?? "").origin, provider.issuer);
  }
});

test("a state that is missing, odd, another browser's or used is refused", async () => {
  const browser = new FormBrowser([ca]);
  const callback = await toCallback(browser, "dora");
  const stranger = new FormBrowser([ca]);
  assert.equal((await stranger.open(callback)).status, 400, "another browser");
  const at = (query: string) => browser.fetch(new URL(`/oauth2/callback${query}`, origin));
  for (const query of [
    ...["", "?", "?state=", "?state=%00", "?state=a&state=b", "?code=x", "?state=__proto__"],
    ...[
      `?state=${"A".repeat(32)}&code=x`,
      `?state=${"é".repeat(32)}`,
      `?state=${"x".repeat(5000)}`,
    ],
    ...["?error=access_denied", "?state[]=1&code[]=2", "?%%%=%%%"],
  ]) {
    const answer = await at(query);
    assert.equal(answer.status, 400, query);
  }
  const pending = JSON.stringify([...shopCookies(browser)]);
  assert.equal((await browser.open(callback)).status, 200);
  assert.equal((await browser.open(callback)).status, 400, "the cookie of the login is gone");
  const replay = new FormBrowser([ca]);
  replay.cookies.set("shop.example", new Map(JSON.parse(pending)));
  const used = await replay.open(callback);
  assert.equal(used.status, 401, "the provider takes a code once");
  assert.match(used.body, /invalid_grant/);
});

test("what the provider refuses is told", async () => {
  const browser = new FormBrowser([ca]);
  const callback = await toCallback(browser, "emil");
  const refused = new URL(callback);
  refused.searchParams.delete("code");
  refused.searchParams.set("error", "access_denied");
  const answer = await browser.open(refused);
  assert.equal(answer.status, 403);
  assert.match(answer.body, /answered access_denied/);
  const other = new FormBrowser([ca]);
  const mixed = await toCallback(other, "emil");
  mixed.searchParams.set("iss", "https://else.example");
  assert.equal((await other.open(mixed)).status, 400, "RFC 9207");
});

test("logging out ends the session here and at the provider", async () => {
  const { browser } = await logIn("fritz");
  const page = await browser.open(new URL("/logout", origin));
  assert.equal(page.url.origin, provider.issuer, page.body);
  assert.equal(
    [...shopCookies(browser).keys()].filter((name) => name.includes("session")).length,
    0,
  );
  const home = await browser.submit(page, { logout: "yes" });
  // The shop sends whoever has no session to log in, and the provider asks who it is.
  assert.equal(home.url.origin, provider.issuer);
  assert.match(home.body, /name="login"/);
});

test("one route asks for a login, at each of its hosts; another does not", async () => {
  const browser = new FormBrowser([ca]);
  const open = await browser.fetch(new URL("/", club), { headers: { "x-user": "root" } });
  assert.equal(open.status, 200, "without a login");
  const login = await browser.open(new URL("/members", club));
  assert.equal(login.url.origin, provider.issuer, login.body);
  const consent = await browser.submit(login, { login: "gerd", password: "x" }, isCallback);
  assert.ok(isCallback(consent.url) || consent.status === 200, consent.body);
  const back = isCallback(consent.url) ? consent : await browser.submit(consent, {}, isCallback);
  assert.equal(back.url.origin, club);
  const page = await browser.open(back.url);
  assert.equal(page.status, 200, page.body);
  assert.equal(page.url.href, `${club}/members`);
  const { headers } = JSON.parse(page.body);
  assert.equal(headers["x-user"], "gerd");
  assert.match(headers.authorization, /^Bearer \S+$/, "the access token");
  const elsewhere = new FormBrowser([ca]);
  elsewhere.cookies.set("shop.example", browser.cookies.get("club.example") ?? new Map());
  assert.equal(
    (await elsewhere.fetch(new URL("/", origin))).status,
    302,
    "another policy's session",
  );
});

test("wrong fields are refused by name, and a target that is not there is told", async () => {
  const wrong = await mesh.tryApply({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "SecurityPolicy",
    metadata: { name: "wrong" },
    spec: {
      targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "shop" }],
      oidc: {
        provider: {
          issuer: "login",
          authorizationEndpoint: "https://a.example",
          tokenEndpoint: "x",
        },
        clientID: "",
        clientSecretFile: "secret",
        logoutPath: "/oauth2/callback",
      },
    },
  });
  assert.notEqual(wrong.code, 0);
  for (const field of ["issuer", "tokenEndpoint", "clientID", "clientSecretFile", "logoutPath"]) {
    assert.match(wrong.output, new RegExp(field));
  }
});
