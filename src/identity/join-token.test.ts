import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import { type JoinTokenRecord, JoinTokens, MemoryJoinTokenStore } from "./join-token.ts";

const catalog = { trustDomain: "td", namespace: "shop", serviceAccount: "catalog" };

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(hasCode(error, "join-token-refused"), String(error));
    return "reason" in error.detail ? String(error.detail.reason) : "";
  }
  return "";
}

test("a token gives its identity once", () => {
  const clock = new ManualClock();
  const tokens = new JoinTokens({ clock });
  const grant = tokens.create(catalog);
  assert.equal(grant.spiffeId, "spiffe://td/ns/shop/sa/catalog");
  assert.equal(grant.expiresAtMs, clock.nowMs() + 600_000);
  assert.deepEqual(tokens.redeem(grant.token), catalog);
  assert.equal(
    refusal(() => tokens.redeem(grant.token)),
    "unknown",
  );
});

test("a token ends after its time", () => {
  const clock = new ManualClock();
  const tokens = new JoinTokens({ clock });
  const early = tokens.create(catalog);
  const late = tokens.create(catalog);
  clock.advance(599_999);
  assert.deepEqual(tokens.redeem(early.token), catalog);
  clock.advance(1);
  assert.equal(
    refusal(() => tokens.redeem(late.token)),
    "expired",
  );
  assert.equal(
    refusal(() => tokens.redeem(late.token)),
    "unknown",
  );
});

test("guesses are refused and use nothing up", () => {
  const tokens = new JoinTokens({ clock: new ManualClock() });
  const { token } = tokens.create(catalog);
  const other = tokens.create({ ...catalog, serviceAccount: "orders" });
  const [id = "", secret = ""] = token.split(".");
  const [, otherSecret = ""] = other.token.split(".");
  for (const guess of [
    "",
    ".",
    id,
    `${id}.`,
    `.${secret}`,
    `${id}.${otherSecret}`,
    `${token}x`,
    `x${token}`,
  ]) {
    assert.equal(
      refusal(() => tokens.redeem(guess)),
      "unknown",
      guess,
    );
  }
  assert.deepEqual(tokens.redeem(token), catalog);
});

test("the secret is not kept", () => {
  const records: JoinTokenRecord[] = [];
  class RecordingStore extends MemoryJoinTokenStore {
    override put(id: string, record: JoinTokenRecord): void {
      records.push(record);
      super.put(id, record);
    }
  }
  const tokens = new JoinTokens({ clock: new ManualClock(), store: new RecordingStore() });
  const { token } = tokens.create(catalog);
  const [, secret = ""] = token.split(".");
  assert.equal(Buffer.from(secret, "base64url").length, 32);
  assert.equal(JSON.stringify(records).includes(secret), false);
  assert.equal(records[0]?.secretHash.equals(Buffer.from(secret, "base64url")), false);
});

test("unused tokens are bounded, and expired ones make room", () => {
  const clock = new ManualClock();
  const tokens = new JoinTokens({ clock });
  for (let i = 0; i < 10_000; i++) tokens.create(catalog);
  assert.throws(
    () => tokens.create(catalog),
    (error: unknown) => hasCode(error, "join-tokens-exhausted"),
  );
  clock.advance(600_000);
  tokens.create(catalog);
});

test("a token for a name that cannot be part of an id is not made", () => {
  const tokens = new JoinTokens({ clock: new ManualClock() });
  assert.throws(() => tokens.create({ ...catalog, namespace: "a/sa/admin" }), /namespace name/);
});
