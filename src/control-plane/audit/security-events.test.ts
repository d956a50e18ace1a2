import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { SecurityEvents, type Thresholds } from "./security-events.ts";

const MINUTE = 60_000;
const OFF = { count: 0, windowMs: MINUTE };

function watch(thresholds: Partial<Thresholds>) {
  const clock = new ManualClock();
  const told: string[] = [];
  const all: Thresholds = {
    "denial-burst": OFF,
    "service-scan": OFF,
    "expired-certificates": OFF,
    "failed-logins": OFF,
    ...thresholds,
  };
  const events = new SecurityEvents({
    getThresholds: () => all,
    onEvent: (kind, { message }) => told.push(`${kind}: ${message}`),
    clock,
  });
  const denied = (name: string, service: string, count = 1) =>
    events.see({ kind: "policy-denied", actor: { name }, details: { service, denied: count } });
  const failed = (address: string, code?: string) =>
    events.see({
      kind: "authentication-failed",
      actor: { name: "unknown", address },
      ...(code === undefined ? {} : { details: { code } }),
    });
  return { clock, told, denied, failed };
}

test("a burst of denials is told once per window", () => {
  const { clock, told, denied } = watch({ "denial-burst": { count: 10, windowMs: MINUTE } });
  denied("a", "default/x", 6);
  denied("b", "default/x", 6);
  assert.deepEqual(told, []);
  denied("a", "default/x", 4);
  denied("a", "default/x", 50);
  assert.deepEqual(told, ["denial-burst: a was denied 10 times within 60 s"]);
  clock.advance(MINUTE);
  denied("a", "default/x", 9);
  assert.equal(told.length, 1, "what is older than the window does not count");
  denied("a", "default/x", 1);
  assert.equal(told.length, 2);
});

test("one identity at many services is a scan; many denials by one are not", () => {
  const { told, denied } = watch({ "service-scan": { count: 3, windowMs: MINUTE } });
  denied("a", "default/x", 100);
  denied("a", "default/x", 100);
  denied("a", "default/y");
  assert.deepEqual(told, []);
  denied("a", "default/z");
  assert.deepEqual(told, ["service-scan: a was denied by 3 services within 60 s"]);
});

test("expired certificates and other failures are told apart, by address", () => {
  const { told, failed } = watch({
    "expired-certificates": { count: 2, windowMs: MINUTE },
    "failed-logins": { count: 3, windowMs: MINUTE },
  });
  failed("192.0.2.1", "expired");
  failed("192.0.2.1");
  failed("192.0.2.1");
  failed("192.0.2.2", "expired");
  assert.deepEqual(told, []);
  failed("192.0.2.1", "expired");
  failed("192.0.2.1");
  assert.deepEqual(told, [
    "expired-certificates: 192.0.2.1 tried expired certificates 2 times within 60 s",
    "failed-logins: 192.0.2.1 failed to prove who it is 3 times within 60 s",
  ]);
});

test("what sidecars refused counts for the service, as often as they say", () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const events = new SecurityEvents({
    getThresholds: () => ({
      "denial-burst": OFF,
      "service-scan": OFF,
      "failed-logins": OFF,
      "expired-certificates": { count: 5, windowMs: MINUTE },
    }),
    onEvent: (kind, { message, actor }) => told.push(`${kind}: ${message} (${actor?.name})`),
    clock,
  });
  const details = { service: "default/catalog", code: "expired", refused: 5 };
  events.see({ kind: "authentication-failed", actor: { name: "unknown" }, details });
  assert.deepEqual(told, [
    "expired-certificates: somebody at default/catalog tried expired certificates 5 times within 60 s (somebody at default/catalog)",
  ]);
});

test("a count of 0 is never, and many clients cost no memory without end", () => {
  const { told, denied, failed } = watch({ "failed-logins": { count: 2, windowMs: MINUTE } });
  denied("a", "default/x", 1_000_000);
  for (let index = 0; index < 10_000; index += 1) failed(`10.0.${index >> 8}.${index & 255}`);
  // The first of them was forgotten.
  failed("10.0.0.0");
  assert.deepEqual(told, []);
});
