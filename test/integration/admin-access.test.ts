/** The admin API's door through real processes: who gets in how, what each role may do, how tokens live and end. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import type {
  TokenResponse,
  TokensResponse,
  WhoamiResponse,
} from "../../src/control-plane/access-types.ts";
import type { ApiErrorBody } from "../../src/control-plane/api-error-types.ts";
import type { ApplyResponse, ControlPlaneFile } from "../../src/control-plane/api-types.ts";
import { callApi, serviceYaml } from "../support/control-plane-fixture.ts";
import { TulleHome } from "../support/tulle-process.ts";

const TIMEOUT = { timeout: 60_000 };
const POLICY = `apiVersion: mesh.tulle.dev/v1
kind: AuthorizationPolicy
metadata: {name: nobody}
spec: {}
`;

let home: TulleHome;
let child: ChildProcess;
let log = "";

before(async () => {
  home = await TulleHome.open();
  await start();
});

after(async () => {
  await home.close();
});

async function start(): Promise<void> {
  const addresses = ["--admin-address", "127.0.0.1:0", "--xds-address", "127.0.0.1:0"];
  const tls = ["--admin-tls-address", "127.0.0.1:0", "--log-level", "debug"];
  child = home.start(["control-plane", ...addresses, ...tls]);
  child.stderr?.on("data", (chunk: Buffer) => {
    log += String(chunk);
  });
  let out = "";
  for await (const chunk of child.stdout ?? []) {
    out += String(chunk);
    if (out.includes("xds ")) break;
  }
}

const file = (): ControlPlaneFile =>
  JSON.parse(readFileSync(join(home.folder, "default", "control-plane.json"), "utf8"));

const bearer = (token: string) => ({
  transport: "tcp" as const,
  headers: { authorization: `Bearer ${token}` },
});

const applying = (yaml: string) => ({ files: [{ name: "a.yaml", text: yaml }] });

async function createToken(name: string, role: string, more: readonly string[] = []) {
  const words = ["token", "create", "--role", role, ...more, name, "-o", "json"];
  return JSON.parse(await home.succeed(words)) as TokenResponse;
}

test(
  "the owner's socket is an admin, loopback reads, and nothing else gets in by itself",
  TIMEOUT,
  async () => {
    const local = await callApi<WhoamiResponse>(file(), "GET", "/api/v1/whoami");
    assert.deepEqual([local.body.role, local.body.method], ["admin", "unix-socket"]);
    const loopback = await callApi<WhoamiResponse>(file(), "GET", "/api/v1/whoami", {
      transport: "tcp",
    });
    assert.deepEqual([loopback.body.role, loopback.body.method], ["viewer", "anonymous"]);
    const write = await callApi<ApiErrorBody>(file(), "POST", "/api/v1/apply", {
      transport: "tcp",
      body: applying(serviceYaml("catalog")),
    });
    assert.equal(write.status, 403);
    assert.match(write.body.error.message, /needs the role operator; anonymous is viewer/);
    assert.ok(write.body.error.hint?.includes(file().adminSocket));
    const secret = await callApi(file(), "GET", "/api/v1/tokens", { transport: "tcp" });
    assert.equal(secret.status, 403);
  },
);

test("an operator changes traffic and nothing about security", TIMEOUT, async () => {
  const { token } = await createToken("ci", "operator");
  const apply = (yaml: string) =>
    callApi<ApplyResponse & ApiErrorBody>(file(), "POST", "/api/v1/apply", {
      ...bearer(token),
      body: applying(yaml),
    });
  assert.equal((await apply(serviceYaml("catalog"))).status, 200);
  const both = await apply(`${serviceYaml("orders")}${POLICY}`);
  assert.equal(both.status, 403);
  assert.match(
    both.body.error.message,
    /AuthorizationPolicy .*needs the role admin; token ci is operator/,
  );
  const orders = "/api/v1/resources/Service/default/orders";
  assert.equal((await callApi(file(), "GET", orders)).status, 404, "all or nothing");
  assert.equal(
    (await callApi(file(), "POST", "/api/v1/apply", { body: applying(POLICY) })).status,
    200,
  );
  const remove = await callApi(
    file(),
    "DELETE",
    "/api/v1/resources/AuthorizationPolicy/default/nobody",
    bearer(token),
  );
  assert.equal(remove.status, 403);
  for (const [method, path, body] of [
    ["POST", "/api/v1/tokens", { name: "more", role: "admin" }],
    ["POST", "/api/v1/ca/rotation", { action: "start" }],
    ["POST", "/api/v1/join-tokens", { serviceAccount: "x" }],
  ] as const) {
    const answer = await callApi(file(), method, path, { ...bearer(token), body });
    assert.equal(answer.status, 403, path);
  }
});

test("a viewer asks and changes nothing", TIMEOUT, async () => {
  const { token } = await createToken("grafana", "viewer");
  const explain = { method: "GET", url: "http://catalog/", from: "catalog" };
  const asked = await callApi(file(), "POST", "/api/v1/explain", {
    ...bearer(token),
    body: explain,
  });
  assert.notEqual(asked.status, 403);
  const write = await callApi(file(), "POST", "/api/v1/apply", {
    ...bearer(token),
    body: applying(serviceYaml("x")),
  });
  assert.equal(write.status, 403);
});

test("what is shown must be good, wherever it is shown", TIMEOUT, async () => {
  const answer = await callApi<ApiErrorBody>(
    file(),
    "GET",
    "/api/v1/version",
    bearer("tulle_nothing"),
  );
  assert.equal(answer.status, 401);
  assert.equal(answer.body.error.code, "unauthenticated");
  const socket = await callApi(file(), "GET", "/api/v1/version", {
    headers: { authorization: "Bearer tulle_nothing" },
  });
  assert.equal(socket.status, 401);
  const basic = await callApi(file(), "GET", "/api/v1/version", {
    transport: "tcp",
    headers: { authorization: "Basic YTpi" },
  });
  assert.equal(basic.status, 401);
});

test(
  "tokens outlive a killed control plane, and a revoked one is refused at once",
  TIMEOUT,
  async () => {
    const { token } = await createToken("lasting", "admin");
    assert.ok(token.startsWith("tulle_"));
    const closed = once(child, "exit");
    child.kill("SIGKILL");
    await closed;
    await start();
    const who = await callApi<WhoamiResponse>(file(), "GET", "/api/v1/whoami", bearer(token));
    assert.deepEqual([who.body.name, who.body.role], ["token lasting", "admin"]);
    const listed = await callApi<TokensResponse>(file(), "GET", "/api/v1/tokens", bearer(token));
    assert.deepEqual(
      listed.body.tokens.map(({ name }) => name),
      ["ci", "grafana", "lasting"],
    );
    assert.match(await home.succeed(["token", "revoke", "lasting"]), /lasting is revoked/);
    const refused = await callApi(file(), "GET", "/api/v1/whoami", bearer(token));
    assert.equal(refused.status, 401);
  },
);

test("by TLS the CLI checks who answers, and shows its token", TIMEOUT, async () => {
  const url = file().adminTlsUrl ?? "";
  assert.match(url, /^https:/);
  const { token } = await createToken("remote", "operator");
  writeFileSync(join(home.folder, "remote.token"), `${token}\n`);
  const ca = ["--ca-file", join(home.folder, "default", "ca.crt")];
  const remote = ["--control-plane", url, ...ca];
  const withToken = [...remote, "--token-file", "remote.token"];
  const who = JSON.parse(await home.succeed(["whoami", ...withToken, "-o", "json"]));
  assert.deepEqual([who.name, who.role, who.transport], ["token remote", "operator", "tls"]);
  const without = await home.tulle(["whoami", ...remote]);
  assert.equal(without.code, 1);
  assert.match(without.stderr, /a token or a client certificate is needed/);
  const untrusting = await home.tulle(["whoami", "--control-plane", url]);
  assert.equal(untrusting.code, 3);
  assert.match(untrusting.stderr, /no root that is trusted here/);
});

test("credentials.json stands in for the flags, unless others may read it", TIMEOUT, async () => {
  const url = file().adminTlsUrl ?? "";
  const { token } = await createToken("stored", "viewer");
  const path = join(home.folder, "credentials.json");
  writeFileSync(path, JSON.stringify({ [url]: { token, caFile: "default/ca.crt" } }), {
    mode: 0o600,
  });
  assert.match(await home.succeed(["whoami", "--control-plane", url]), /token stored is viewer/);
  spawn("chmod", ["644", path]).on("error", assert.fail);
  writeFileSync(`${path}.x`, "");
  await once(spawn("chmod", ["644", path]), "exit");
  const open = await home.tulle(["whoami", "--control-plane", url]);
  assert.equal(open.code, 2);
  assert.match(open.stderr, /may be read by others/);
  await once(spawn("rm", [path]), "exit");
});

test(
  "T30: a head that never ends, or is too large, is answered before anything reads it",
  TIMEOUT,
  async () => {
    const { hostname, port } = new URL(file().adminUrl);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, "connect");
    socket.on("error", () => undefined);
    socket.write(
      `GET /api/v1/version HTTP/1.1\r\nHost: ${hostname}\r\nX-Large: ${"x".repeat(20_000)}\r\n`,
    );
    const answer = await text(socket);
    assert.match(answer, /^HTTP\/1\.1 431 /);
  },
);

test("T30: who is not known has no body read", TIMEOUT, async () => {
  const { hostname, port } = new URL(file().adminUrl);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, "connect");
  socket.on("error", () => undefined);
  // The body never comes: whoever waited for it would not answer.
  socket.write(
    `POST /api/v1/apply HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n` +
      "Authorization: Bearer tulle_wrong\r\nContent-Length: 16000000\r\n\r\n",
  );
  const [first] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  assert.match(String(first), /^HTTP\/1\.1 401 /);
});

test(
  "T30: a client that asks without end is slowed down, and others are not",
  TIMEOUT,
  async () => {
    const { token } = await createToken("busy", "viewer");
    const { hostname, port } = new URL(file().adminUrl);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, "connect");
    // All at once: however slow this machine is, the limit is lower.
    const head = `GET /api/v1/whoami HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\n`;
    socket.write(`${`${head}\r\n`.repeat(4000)}${head}Connection: close\r\n\r\n`);
    const statuses: readonly string[] = (await text(socket)).match(/HTTP\/1\.1 \d+/g) ?? [];
    assert.ok(statuses.includes("HTTP/1.1 429"), "some are refused");
    assert.ok(statuses.includes("HTTP/1.1 200"), "some are not");
    const { token: other } = await createToken("calm", "viewer");
    assert.equal((await callApi(file(), "GET", "/api/v1/whoami", bearer(other))).status, 200);
  },
);

test("quotas are told before anything is written", TIMEOUT, async () => {
  const large = serviceYaml("large").replace(
    "metadata: {name: large}",
    `metadata: {name: large, annotations: {a: "${"x".repeat(1200)}"}}`,
  );
  const config = `apiVersion: mesh.tulle.dev/v1
kind: MeshConfig
metadata: {name: default}
spec: {quotas: {objectsPerNamespace: 3, documentBytes: 1024}}
`;
  const apply = (yaml: string) =>
    callApi<ApplyResponse & ApiErrorBody>(file(), "POST", "/api/v1/apply", {
      body: applying(yaml),
    });
  assert.equal((await apply(config)).status, 200);
  const size = await apply(large);
  assert.deepEqual([size.status, size.body.error.code], [403, "quota_exceeded"]);
  assert.match(size.body.error.message, /Service default\/large has \d+ bytes; the quota is 1024/);
  const many = await apply(["a", "b", "c", "d"].map(serviceYaml).join(""));
  assert.equal(many.status, 403);
  assert.match(many.body.error.hint ?? "", /quotas\.objectsPerNamespace/);
});

test(
  "no secret is in the log, in an answer, or in a file that is not for it",
  TIMEOUT,
  async () => {
    const { token } = await createToken("hidden", "admin");
    const secret = token.slice(-43);
    const join_ = await callApi<{ readonly token: string }>(file(), "POST", "/api/v1/join-tokens", {
      body: { serviceAccount: "catalog" },
    });
    const joinSecret = join_.body.token.split(".").at(-1) ?? "";
    await callApi(file(), "GET", "/api/v1/version", bearer(`${token}x`));
    const paths = ["/metrics", "/api/v1/tokens", "/api/v1/checks", "/api/v1/ca", "/api/v1/proxies"];
    const answers = await Promise.all(paths.map((path) => callApi<unknown>(file(), "GET", path)));
    const caKey = readFileSync(join(home.folder, "default", "ca.key"), "utf8").split("\n")[1] ?? "";
    const shown = [log, ...answers.map(({ body }) => JSON.stringify(body))].join("\n");
    for (const hidden of [secret, joinSecret, caKey]) {
      assert.ok(hidden.length > 20);
      assert.ok(!shown.includes(hidden));
    }
  },
);
