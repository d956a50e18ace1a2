import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { hasCode } from "../../core/errors.ts";
import { ADMIN_TOKENS_MAX, AdminTokens } from "./admin-tokens.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-tokens-"));
after(() => rmSync(folder, { recursive: true }));

const HOUR_MS = 3_600_000;
let files = 0;

function open() {
  files += 1;
  const path = join(folder, `${files}.json`);
  const clock = new ManualClock();
  const tokens = new AdminTokens(path, clock);
  const create = (name: string, lifetimeMs = HOUR_MS) =>
    tokens.create({ name, role: "operator", lifetimeMs, createdBy: "local user" });
  return { tokens, create, path, clock };
}

test("a token works until its end, and a revoked one no more", () => {
  const { tokens, create, clock } = open();
  const { token } = create("ci");
  assert.equal(AdminTokens.isToken(token), true);
  const verdict = tokens.verify(token);
  assert.ok(verdict.ok);
  assert.deepEqual([verdict.token.name, verdict.token.role], ["ci", "operator"]);
  clock.advance(HOUR_MS);
  const expired = tokens.verify(token);
  assert.ok(!expired.ok);
  assert.match(expired.reason, /"ci" expired at/);
  assert.equal(tokens.revoke("ci"), true);
  assert.equal(tokens.revoke("ci"), false);
  assert.deepEqual(tokens.verify(token), { ok: false, reason: "the token is not known" });
});

test("a wrong secret, a wrong id and no token at all are told the same", () => {
  const { tokens, create } = open();
  const { token } = create("ci");
  const flipped = token.endsWith("A") ? `${token.slice(0, -1)}B` : `${token.slice(0, -1)}A`;
  const other = token.replace(/_.{12}_/, "_AAAAAAAAAAAA_");
  for (const bad of [flipped, other, "", "tulle_", `${token}A`, "x".repeat(10_000)]) {
    assert.deepEqual(tokens.verify(bad), { ok: false, reason: "the token is not known" }, bad);
  }
});

test("tokens outlive the process, as hashes in a file of their owner's", () => {
  const { create, path, clock } = open();
  const { token, record } = create("ci");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const text = readFileSync(path, "utf8");
  assert.ok(!text.includes(token.slice(-43)), "the secret is not in the file");
  assert.ok(text.includes(record.secretHash));
  assert.equal(new AdminTokens(path, clock).verify(token).ok, true);
  chmodSync(path, 0o644);
  assert.throws(() => new AdminTokens(path, clock), /may be read by others/);
});

test("a file that cannot be read is no empty list", () => {
  const path = join(folder, "broken.json");
  writeFileSync(path, "[{", { mode: 0o600 });
  assert.throws(
    () => new AdminTokens(path, new ManualClock()),
    (error) => hasCode(error, "state-directory-unusable"),
  );
});

test("names are used once, and there is a bound", () => {
  const { create, tokens } = open();
  create("ci");
  assert.throws(
    () => create("ci"),
    (error) => hasCode(error, "admin-token-refused"),
  );
  assert.deepEqual(
    tokens.list().map(({ name, lastUsedMs }) => [name, lastUsedMs]),
    [["ci", undefined]],
  );
  assert.ok(ADMIN_TOKENS_MAX <= 10_000);
});
