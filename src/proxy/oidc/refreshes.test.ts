import assert from "node:assert/strict";
import { test } from "node:test";
import type { Session } from "../../decision/oidc/records.ts";
import { Refreshes, type RefreshResult } from "./refreshes.ts";

const SESSION: Session = {
  ...{ idToken: "i", accessToken: "", refreshToken: "next" },
  ...{ subject: "anna", expiresAtMs: 1 },
};

test("requests that come together share a refresh, and late ones its result for a while", () => {
  const refreshes = new Refreshes();
  const told: RefreshResult[] = [];
  const waiter = (result: RefreshResult): void => void told.push(result);
  assert.equal(refreshes.join("r", 0, waiter), "none");
  refreshes.begin("r", waiter);
  const left = (): void => assert.fail("it has left");
  assert.equal(
    refreshes.join("r", 0, (result) => told.push(result)),
    "waiting",
  );
  assert.equal(refreshes.join("r", 0, left), "waiting");
  refreshes.leave("r", left);
  refreshes.end("r", SESSION, 1_000, true);
  assert.deepEqual(told, [SESSION, SESSION]);
  assert.deepEqual(refreshes.join("r", 2_000, waiter), { session: SESSION });
  assert.equal(refreshes.join("r", 60_000, waiter), "none");
});

test("a provider that did not answer is asked again, one that refused is not", () => {
  const refreshes = new Refreshes();
  const waiter = (): void => {};
  refreshes.begin("r", waiter);
  refreshes.end("r", undefined, 0, false);
  assert.equal(refreshes.join("r", 0, waiter), "none");
  refreshes.begin("r", waiter);
  refreshes.end("r", undefined, 0, true);
  assert.deepEqual(refreshes.join("r", 0, waiter), { session: undefined });
});

test("results are forgotten, the oldest first", () => {
  const refreshes = new Refreshes();
  const waiter = (): void => {};
  for (let i = 0; i < 1_100; i++) {
    refreshes.begin(`r${i}`, waiter);
    refreshes.end(`r${i}`, SESSION, 0, true);
  }
  assert.equal(refreshes.join("r0", 0, waiter), "none");
  assert.deepEqual(refreshes.join("r1099", 0, waiter), { session: SESSION });
});
