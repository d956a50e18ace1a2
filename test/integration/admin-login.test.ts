/** `tulle login` with a real identity provider: the code flow with PKCE, by something that follows redirects as a browser does. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import type { ControlPlaneFile } from "../../src/control-plane/api-types.ts";
import { callApi } from "../support/control-plane-fixture.ts";
import { TulleHome } from "../support/tulle-process.ts";

const TIMEOUT = { timeout: 60_000 };
const PROVIDER = join(import.meta.dirname, "..", "support", "login-provider-process.js");

let home: TulleHome;
let provider: ChildProcess;
let issuer = "";

before(async () => {
  provider = spawn(process.execPath, [PROVIDER], { stdio: ["ignore", "pipe", "ignore"] });
  assert.ok(provider.stdout);
  for await (const line of createInterface({ input: provider.stdout })) {
    issuer = /^issuer (\S+)$/.exec(line)?.[1] ?? "";
    if (issuer !== "") break;
  }
  home = await TulleHome.open();
  await home.startControlPlane();
});

after(async () => {
  await home.close();
  provider.kill("SIGTERM");
});

const file = (): ControlPlaneFile =>
  JSON.parse(readFileSync(join(home.folder, "default", "control-plane.json"), "utf8"));

/** Follows redirects with the cookies of each answer, to the one that leaves the provider. */
async function browse(address: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = address;
  for (let step = 0; step < 20; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { headers: { cookie }, redirect: "manual" });
    for (const set of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      cookies.set(name, value);
    }
    const location = answer.headers.get("location");
    if (location === null) return await answer.text();
    url = new URL(location, url).href;
  }
  return assert.fail("too many redirects");
}

test("login without an identity provider says what is missing", TIMEOUT, async () => {
  const none = await home.tulle(["login", "--control-plane", file().adminUrl]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /MeshConfig spec\.access\.oidc with a clientId/);
  const socket = await home.tulle(["login"]);
  assert.equal(socket.code, 2);
  assert.match(socket.stderr, /needs no login/);
});

test(
  "a user logs in by the browser, and the token is kept for their eyes only",
  TIMEOUT,
  async () => {
    const config = {
      apiVersion: "mesh.tulle.dev/v1",
      kind: "MeshConfig",
      metadata: { name: "default" },
      spec: {
        fetching: { allowedAddresses: ["127.0.0.1"] },
        access: {
          anonymous: "None",
          oidc: {
            issuer,
            audiences: ["tulle"],
            clientId: "tulle-cli",
            roles: [{ value: "developers", role: "Operator" }],
          },
        },
      },
    };
    const body = { files: [{ name: "a", text: JSON.stringify(config) }] };
    assert.equal((await callApi(file(), "POST", "/api/v1/apply", { body })).status, 200);
    const { adminUrl } = file();
    let open = 200;
    while (open === 200) {
      open = (await callApi(file(), "GET", "/api/v1/version", { transport: "tcp" })).status;
    }
    const login = home.start(["login", "--control-plane", adminUrl]);
    assert.ok(login.stderr && login.stdout);
    let said = "";
    let page = "";
    for await (const chunk of login.stderr) {
      said += String(chunk);
      const address = /^(http:\/\/\S+)\n/m.exec(said)?.[1];
      if (address === undefined || page !== "") continue;
      page = await browse(address);
    }
    assert.match(page, /close this page/, said);
    const who = await home.succeed(["whoami", "--control-plane", adminUrl]);
    assert.match(who, /anna@example\.com is operator \(oidc, tcp\)/);
    assert.equal(statSync(join(home.folder, "credentials.json")).mode & 0o777, 0o600);
  },
);
