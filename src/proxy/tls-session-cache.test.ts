/** Sessions of upstream peers: how often and how long they are used, and how many are kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  TLS_SESSION_BYTES_MAX,
  TLS_SESSION_ENDPOINTS_MAX,
  TLS_SESSION_LIFETIME_MS,
  TLS_SESSION_USES_MAX,
} from "../core/limits.ts";
import { type SessionOrigin, TlsSessionCache } from "./tls-session-cache.ts";

const START_MS = 1_000_000;
const origin: SessionOrigin = {
  chain: [],
  beganAtMs: START_MS,
  notAfterMs: Number.POSITIVE_INFINITY,
};

function ticketOf(cache: TlsSessionCache, address = "a", nowMs = START_MS): string | undefined {
  return cache.take(address, nowMs)?.ticket.toString();
}

test("the newest session comes first, each a few times, two for an address", () => {
  const cache = new TlsSessionCache();
  for (const ticket of ["1", "2", "3"]) cache.put("a", Buffer.from(ticket), origin);
  const taken = Array.from({ length: 2 * TLS_SESSION_USES_MAX + 1 }, () => ticketOf(cache));
  const times = (ticket: string): string[] => Array(TLS_SESSION_USES_MAX).fill(ticket);
  assert.deepEqual(taken, [...times("3"), ...times("2"), undefined]);
  assert.equal(cache.endpointCount, 0);
});

test("a session ends with its lifetime, with the peer's certificate, and when time goes back", () => {
  const takenAt = (nowMs: number, more: Partial<SessionOrigin> = {}): string | undefined => {
    const cache = new TlsSessionCache();
    cache.put("a", Buffer.from("1"), { ...origin, ...more });
    const ticket = ticketOf(cache, "a", nowMs);
    if (ticket === undefined) assert.equal(cache.endpointCount, 0);
    return ticket;
  };
  assert.equal(takenAt(START_MS + TLS_SESSION_LIFETIME_MS - 1), "1");
  assert.equal(takenAt(START_MS + TLS_SESSION_LIFETIME_MS), undefined);
  assert.equal(takenAt(START_MS + 9, { notAfterMs: START_MS + 10 }), "1");
  assert.equal(takenAt(START_MS + 10, { notAfterMs: START_MS + 10 }), undefined);
  assert.equal(takenAt(START_MS - 1), undefined);
});

test("addresses are bounded: the one that was used longest ago goes", () => {
  const cache = new TlsSessionCache();
  const addresses = Array.from({ length: TLS_SESSION_ENDPOINTS_MAX }, (_, index) => `a${index}`);
  for (const address of addresses) cache.put(address, Buffer.from("1"), origin);
  assert.equal(ticketOf(cache, "a0"), "1");
  cache.put("more", Buffer.from("1"), origin);
  assert.equal(cache.endpointCount, TLS_SESSION_ENDPOINTS_MAX);
  assert.equal(ticketOf(cache, "a1"), undefined);
  assert.equal(ticketOf(cache, "a0"), "1");
});

test("huge sessions are not kept, and addresses can be forgotten", () => {
  const cache = new TlsSessionCache();
  cache.put("a", Buffer.alloc(TLS_SESSION_BYTES_MAX + 1), origin);
  assert.equal(ticketOf(cache), undefined);
  cache.put("a", Buffer.from("1"), origin);
  cache.put("b", Buffer.from("2"), origin);
  cache.forget("a");
  assert.equal(ticketOf(cache), undefined);
  assert.equal(ticketOf(cache, "b"), "2");
});
