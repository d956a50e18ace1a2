/** Both places that tokens come from: files, and the control plane's unix socket. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import {
  startTestAdminSocket,
  startTestControlPlane,
  TEST_TRUST_DOMAIN,
  type TestControlPlane,
} from "./control-plane-fixtures.ts";
import { FileTokenSource, SocketTokenSource } from "./token-source.ts";
import { formatTrustBundlePem } from "./trust-bundle.ts";

const workload = { namespace: "shop", serviceAccount: "catalog" };

let controlPlane: TestControlPlane;
let folder: string;

before(async () => {
  controlPlane = await startTestControlPlane(new ManualClock());
  folder = mkdtempSync(join(tmpdir(), "tulle-token-"));
});

after(async () => {
  await controlPlane.stop();
  rmSync(folder, { recursive: true });
});

test("the admin socket gives a token for the workload, with the roots", async () => {
  const socketPath = join(folder, "admin.sock");
  const admin = await startTestAdminSocket(socketPath, controlPlane);
  const source = new SocketTokenSource({ socketPath, ...workload });
  const [first, second] = [await source.getCredentials(), await source.getCredentials()];
  assert.notEqual(first.token, second.token);
  assert.equal(first.trustBundlePem, formatTrustBundlePem(controlPlane.bundle));
  assert.deepEqual(controlPlane.tokens.redeem(first.token), {
    trustDomain: TEST_TRUST_DOMAIN,
    ...workload,
  });
  await new Promise((resolve) => admin.close(resolve));
});

test("files are read anew each time", async () => {
  const tokenPath = join(folder, "token");
  const trustBundlePath = join(folder, "roots.pem");
  const source = new FileTokenSource({ tokenPath, trustBundlePath });
  for (const token of ["first", "second"]) {
    writeFileSync(tokenPath, `${token}\n`);
    writeFileSync(trustBundlePath, `roots of ${token}`);
    assert.deepEqual(await source.getCredentials(), { token, trustBundlePem: `roots of ${token}` });
  }
});

test("answers that hold no token are refused, and quoted", async () => {
  const answers: [status: number, body: string][] = [
    [500, "out of order"],
    [200, "not json"],
    [200, "{}"],
    [200, JSON.stringify({ token: 1, trustBundlePem: "x" })],
  ];
  const socketPath = join(folder, "odd.sock");
  const server = createServer((_request, response) => {
    const [status, body] = answers.shift() ?? [404, ""];
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const source = new SocketTokenSource({ socketPath, ...workload });
  for (const reason of [
    /answered 500: out of order/,
    /with JSON/,
    /with a token/,
    /with a token/,
  ]) {
    await assert.rejects(source.getCredentials(), reason);
  }
  await new Promise((resolve) => server.close(resolve));
});

test("no token is an error that names the place", async () => {
  const socketPath = join(folder, "nobody.sock");
  const isFailed = (error: unknown) =>
    hasCode(error, "certificate-request-failed") && /nobody\.sock/.test(error.message);
  await assert.rejects(
    new SocketTokenSource({ socketPath, ...workload }).getCredentials(),
    isFailed,
  );
  const tokenPath = join(folder, "nobody.sock");
  await assert.rejects(
    new FileTokenSource({ tokenPath, trustBundlePath: tokenPath }).getCredentials(),
    isFailed,
  );
});
