/**
 * A real Keycloak as the identity provider of a mesh: logins at the gateway, sessions that are refreshed and ended, and its
 * tokens at the sidecars of the services behind.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CatalogMesh } from "../e2e/catalog-mesh.ts";
import { FormBrowser, type Page } from "../support/form-browser.ts";
import { freePort } from "../support/free-port.ts";
import { writeServerCertificate } from "../support/server-certificate.ts";
import { Keycloak, whyNoKeycloak } from "./keycloak.ts";

const why = whyNoKeycloak();
const OPTIONS = { skip: why ?? false, timeout: 900_000 } as const;

const APP = `
require("node:http").createServer((request, response) => {
  response.end(JSON.stringify({ url: request.url, headers: request.headers }));
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;
const SECRET = "a secret of the test";
/** Of access and ID tokens: a session is refreshed that often. */
const TOKEN_SECONDS = 5;
const GATEWAY_API = "gateway.networking.k8s.io";

let mesh: CatalogMesh;
let keycloak: Keycloak;
let issuer: string;
let origin: string;
let ca: string;

before(async () => {
  if (why !== undefined) return;
  const port = await freePort();
  origin = `https://shop.example:${port}`;
  keycloak = await Keycloak.start(realm());
  issuer = `${keycloak.origin}/realms/shop`;
  mesh = await CatalogMesh.start({
    name: "keycloak",
    app: APP,
    gateways: { shop: { workers: 2 } },
    resources: [
      {
        apiVersion: "mesh.tulle.dev/v1",
        kind: "MeshConfig",
        metadata: { name: "default" },
        spec: { fetching: { allowedAddresses: ["127.0.0.1"] } },
      },
    ],
  });
  const certificate = writeServerCertificate(mesh.home.path, "shop", ["shop.example"]);
  ca = certificate.pem;
  const secretFile = join(mesh.home.path, "oidc-secret");
  await writeFile(secretFile, SECRET, { mode: 0o600 });
  await mesh.apply(...gatewayObjects(port, certificate), ...policies(secretFile));
  await untilKeysAreThere();
}, OPTIONS);

after(async () => {
  await mesh?.remove();
  await keycloak?.stop();
});

function user(name: string, roles: readonly string[]): object {
  return {
    username: name,
    enabled: true,
    email: `${name}@shop.example`,
    emailVerified: true,
    firstName: name,
    lastName: "Test",
    credentials: [{ type: "password", value: "secret", temporary: false }],
    realmRoles: roles,
  };
}

/** Refresh tokens are good once: a second use of one ends the session. */
function realm() {
  return {
    realm: "shop",
    enabled: true,
    sslRequired: "none",
    accessTokenLifespan: TOKEN_SECONDS,
    revokeRefreshToken: true,
    refreshTokenMaxReuse: 0,
    roles: { realm: [{ name: "editor" }] },
    users: [user("anna", ["editor"]), user("berta", [])],
    clients: [
      {
        clientId: "shop",
        secret: SECRET,
        redirectUris: [`${origin}/oauth2/callback`],
        attributes: {
          "post.logout.redirect.uris": `${origin}/*`,
          "pkce.code.challenge.method": "S256",
        },
        directAccessGrantsEnabled: true,
      },
    ],
  };
}

function gatewayObjects(
  port: number,
  files: { readonly certificateFile: string; readonly keyFile: string },
): readonly object[] {
  const options = {
    "mesh.tulle.dev/certificate-file": files.certificateFile,
    "mesh.tulle.dev/key-file": files.keyFile,
  };
  const listener = { name: "https", port, protocol: "HTTPS", tls: { options } };
  return [
    {
      apiVersion: `${GATEWAY_API}/v1`,
      kind: "Gateway",
      metadata: { name: "shop" },
      spec: { listeners: [listener] },
    },
    {
      apiVersion: `${GATEWAY_API}/v1`,
      kind: "HTTPRoute",
      metadata: { name: "shop" },
      spec: {
        parentRefs: [{ name: "shop" }],
        rules: [{ backendRefs: [{ name: "catalog", port: 80 }] }],
      },
    },
  ];
}

/** The gateway logs people in and sends the access token on; the catalog's sidecar asks for it, and for a role. */
function policies(secretFile: string): readonly object[] {
  const at = (path: string) => `${issuer}/protocol/openid-connect/${path}`;
  const catalog = { targetRefs: [{ kind: "Service", name: "catalog" }] };
  const object = (kind: string, name: string, spec: object) => {
    return { apiVersion: "mesh.tulle.dev/v1", kind, metadata: { name }, spec };
  };
  return [
    object("SecurityPolicy", "staff", {
      targetRefs: [{ group: GATEWAY_API, kind: "Gateway", name: "shop" }],
      oidc: {
        provider: {
          issuer,
          authorizationEndpoint: at("auth"),
          tokenEndpoint: at("token"),
          endSessionEndpoint: at("logout"),
        },
        clientID: "shop",
        clientSecretFile: secretFile,
        redirectURL: `${origin}/oauth2/callback`,
        scopes: ["profile", "email"],
        forwardAccessToken: true,
        claimToHeaders: [
          { header: "x-user", claim: "preferred_username" },
          { header: "x-mail", claim: "email" },
        ],
      },
    }),
    object("RequestAuthentication", "users", {
      ...catalog,
      jwtRules: [
        {
          issuer,
          forwardOriginalToken: true,
          outputClaimToHeaders: [{ header: "x-token-user", claim: "preferred_username" }],
        },
      ],
    }),
    object("AuthorizationPolicy", "users", {
      ...catalog,
      rules: [
        {
          from: [{ source: { requestPrincipals: [`${issuer}/*`] } }],
          to: [{ operation: { notPaths: ["/edit"] } }],
        },
        {
          to: [{ operation: { paths: ["/edit"] } }],
          when: [{ key: "request.auth.claims[realm_access][roles]", values: ["editor"] }],
        },
      ],
    }),
  ];
}

async function untilKeysAreThere(): Promise<void> {
  for (const kind of ["securitypolicy/staff", "requestauthentication/users"]) {
    for (let tries = 0; ; tries++) {
      assert.ok(tries < 200, "the issuer's keys were not fetched");
      const [name = "", object = ""] = kind.split("/");
      const { status } = JSON.parse(await mesh.tulle("get", name, object, "-o", "json"));
      const text = JSON.stringify(status ?? {});
      if (status !== undefined && !/KeysPending|KeysMissing|not fetched/.test(text)) break;
    }
  }
}

async function logIn(name: string, path: string) {
  const browser = new FormBrowser([ca]);
  const form = await browser.open(new URL(path, origin));
  assert.equal(form.url.origin, keycloak.origin, form.body);
  const page = await browser.submit(form, { username: name, password: "secret" });
  return { browser, page };
}

const headersOf = (page: Page) => JSON.parse(page.body).headers;
const sessionOf = (browser: FormBrowser) =>
  JSON.stringify(
    [...(browser.cookies.get("shop.example") ?? [])].filter(([name]) => name.includes("session")),
  );

test(
  "a browser logs in with the code flow, and the catalog knows its user by both tokens",
  OPTIONS,
  async () => {
    const { page } = await logIn("anna", "/products?id=1");
    assert.equal(page.status, 200, page.body);
    assert.equal(page.url.href, `${origin}/products?id=1`);
    const headers = headersOf(page);
    assert.equal(headers["x-user"], "anna");
    assert.equal(headers["x-mail"], "anna@shop.example");
    assert.equal(headers["x-token-user"], "anna", "by the access token, at the catalog's sidecar");
    assert.equal(headers.cookie, undefined);
  },
);

test("roles of the realm decide behind the gateway", OPTIONS, async () => {
  assert.equal((await logIn("anna", "/edit")).page.status, 200);
  const { page } = await logIn("berta", "/edit");
  assert.equal(page.status, 403, page.body);
});

test("a wrong password leads nowhere", OPTIONS, async () => {
  const browser = new FormBrowser([ca]);
  const form = await browser.open(new URL("/", origin));
  const again = await browser.submit(form, { username: "anna", password: "wrong" });
  assert.equal(again.url.origin, keycloak.origin);
  assert.equal(sessionOf(browser), "[]");
});

test(
  "sessions go on by refresh tokens that are good once, whatever comes at the same time",
  OPTIONS,
  async () => {
    const { browser } = await logIn("berta", "/");
    const first = sessionOf(browser);
    assert.notEqual(first, "[]");
    for (let refreshed = 0, last = first; refreshed < 2; ) {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => browser.fetch(new URL("/", origin))),
      );
      for (const answer of answers) {
        assert.equal(answer.status, 200, answer.headers.location ?? answer.body);
        assert.equal(headersOf(answer)["x-token-user"], "berta");
      }
      if (sessionOf(browser) !== last) refreshed += 1;
      last = sessionOf(browser);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  },
);

test("logging out ends the session here and at Keycloak", OPTIONS, async () => {
  const { browser } = await logIn("anna", "/");
  const page = await browser.open(new URL("/logout", origin));
  assert.equal(sessionOf(browser), "[]");
  // Back at the shop there is no session, and Keycloak asks who it is.
  assert.equal(page.url.origin, keycloak.origin, page.body);
  assert.match(page.body, /name="username"/);
});

test(
  "the catalog takes Keycloak's tokens from callers in the mesh, and no others",
  OPTIONS,
  async () => {
    const answer = await fetch(`${issuer}/protocol/openid-connect/token`, {
      method: "POST",
      body: new URLSearchParams({
        ...{ grant_type: "password", client_id: "shop", client_secret: SECRET },
        ...{ username: "anna", password: "secret" },
      }),
    });
    const { access_token: token } = (await answer.json()) as { readonly access_token: string };
    const ask = async (bearer: string | undefined) => {
      const headers: Record<string, string> =
        bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
      return (await mesh.ask("/", { headers })).status;
    };
    assert.equal(await ask(token), 200);
    assert.equal(await ask(undefined), 403, "no user");
    const [head = "", body = "", signature = ""] = token.split(".");
    const forged = Buffer.from(body, "base64url").toString().replace('"anna"', '"root"');
    assert.equal(
      await ask([head, Buffer.from(forged).toString("base64url"), signature].join(".")),
      401,
    );
    assert.equal(await ask(`${head}.${body}.`), 401);
  },
);
