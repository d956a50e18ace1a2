import assert from "node:assert/strict";
import { test } from "node:test";
import type { Session } from "../../decision/oidc/records.ts";
import { RefreshClaims } from "./refresh-claims.ts";

const SESSION: Session = {
  ...{ idToken: "i", accessToken: "", refreshToken: "next" },
  ...{ subject: "anna", expiresAtMs: 1 },
};
const YOURS = { kind: "yours" };

test("one worker refreshes, the others get what came, for a while", async () => {
  let nowMs = 0;
  const claims = new RefreshClaims(() => nowMs);
  assert.deepEqual(await claims.claim(0, "a"), YOURS);
  assert.deepEqual(await claims.claim(1, "b"), YOURS);
  const waiting = [claims.claim(1, "a"), claims.claim(0, "a")];
  claims.end({ key: "a", session: SESSION, isFinal: true });
  const done = { kind: "done", session: SESSION };
  assert.deepEqual(await Promise.all(waiting), [done, done]);
  assert.deepEqual(await claims.claim(1, "a"), done);
  nowMs = 60_000;
  assert.deepEqual(await claims.claim(1, "a"), YOURS);
});

test("a provider that did not answer is asked again; a worker that dies leaves its claims", async () => {
  const claims = new RefreshClaims(() => 0);
  assert.deepEqual(await claims.claim(0, "a"), YOURS);
  const waits = claims.claim(1, "a");
  claims.end({ key: "a", session: undefined, isFinal: false });
  assert.deepEqual(await waits, { kind: "done", session: undefined });
  assert.deepEqual(await claims.claim(1, "a"), YOURS);
  const orphan = claims.claim(0, "a");
  claims.onDied(1);
  assert.deepEqual(await orphan, { kind: "done", session: undefined });
  assert.deepEqual(await claims.claim(0, "a"), YOURS);
});
