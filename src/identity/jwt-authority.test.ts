/** Keys for tokens: made, published ahead, signing in turn, forgotten, and found again after a restart. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import { JwtAuthority } from "./jwt-authority.ts";
import { requireSpiffeId } from "./spiffe-id.ts";

const HOUR_MS = 3_600_000;
const spiffeId = requireSpiffeId("spiffe://mesh.test/ns/default/sa/web");

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-jwt-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function kidOf(token: string): string {
  const header = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString());
  return (header as { kid: string }).kid;
}

test("a token lives five minutes and says whom it is for", () => {
  const clock = new ManualClock();
  const authority = JwtAuthority.open({ path: join(folder, "claims"), clock });
  const { token, expiresAtMs } = authority.sign({ spiffeId, audience: ["a", "b"] });
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const iat = Math.floor(clock.nowMs() / 1000);
  assert.deepEqual(claims, { sub: spiffeId, aud: ["a", "b"], exp: iat + 300, iat });
  assert.equal(expiresAtMs, (iat + 300) * 1000);
  assert.deepEqual(
    authority.publicKeys.map(({ kid }) => kid),
    [kidOf(token)],
  );
});

test("the next key is published half an hour ahead, the one before until its tokens are gone", () => {
  const clock = new ManualClock();
  const authority = JwtAuthority.open({ path: join(folder, "turns"), clock });
  let changes = 0;
  authority.onChange(() => changes++);
  const first = kidOf(authority.sign({ spiffeId, audience: ["a"] }).token);
  clock.advance(23.4 * HOUR_MS);
  authority.refresh();
  assert.equal(authority.publicKeys.length, 1);
  clock.advance(0.1 * HOUR_MS);
  authority.refresh();
  assert.equal(authority.publicKeys.length, 2);
  assert.equal(kidOf(authority.sign({ spiffeId, audience: ["a"] }).token), first);
  clock.advance(0.51 * HOUR_MS);
  authority.refresh();
  const second = kidOf(authority.sign({ spiffeId, audience: ["a"] }).token);
  assert.notEqual(second, first);
  assert.equal(authority.publicKeys.length, 2);
  clock.advance(0.1 * HOUR_MS);
  authority.refresh();
  assert.deepEqual(
    authority.publicKeys.map(({ kid }) => kid),
    [second],
  );
  assert.equal(changes, 2);
});

test("keys are found again, readable by their owner alone, sealed by the passphrase", () => {
  const clock = new ManualClock();
  const options = { path: join(folder, "sealed"), passphrase: "secret", clock, sealCostLog2: 10 };
  const { publicKeys } = JwtAuthority.open(options);
  assert.equal(statSync(options.path).mode & 0o777, 0o600);
  assert.deepEqual(JwtAuthority.open(options).publicKeys, publicKeys);
  for (const passphrase of [undefined, "wrong"]) {
    assert.throws(
      () => JwtAuthority.open({ ...options, passphrase }),
      (error) => hasCode(error, "ca-key-sealed"),
    );
  }
});
