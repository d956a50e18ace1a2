/** Revoked peers: refused from then on, cut off at once, and certificates that must not be shown are waited for. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { idFor, keyPair, rootOf } from "../../test/support/proxy-identities.ts";
import { type DeniedEvent, DeniedPeers } from "./denied-peers.ts";
import { SecretStore } from "./secret-store.ts";

const HOUR_MS = 3_600_000;

/** What a connection is to the list: something that is destroyed, and says when it is closed. */
class StandInSocket extends EventEmitter {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort = 4711;
  isDestroyed = false;

  destroy(): void {
    this.isDestroyed = true;
    this.emit("close");
  }
}

function connection(): Socket & StandInSocket {
  return new StandInSocket() as Socket & StandInSocket;
}

const nobody = new Set<string>();

test("who is on the list is refused, and whoever is connected by then is cut off", () => {
  const peers = new DeniedPeers();
  const events: DeniedEvent[] = [];
  peers.observe((event) => events.push(event));
  const [a, sameId, b] = [connection(), connection(), connection()];
  const known = { spiffeId: idFor("a"), serialHex: "01" };
  assert.equal(peers.admit(a, known, "downstream"), undefined);
  assert.equal(peers.admit(sameId, { ...known, serialHex: "02" }, "upstream"), undefined);
  assert.equal(peers.admit(b, { spiffeId: idFor("b"), serialHex: "03" }, "upstream"), undefined);

  peers.set({ spiffeIds: nobody, serials: new Set(["02"]) });
  assert.deepEqual([a.isDestroyed, sameId.isDestroyed, b.isDestroyed], [false, true, false]);
  peers.set({ spiffeIds: new Set([idFor("a")]), serials: nobody });
  assert.deepEqual([a.isDestroyed, b.isDestroyed], [true, false]);
  assert.match(peers.admit(connection(), known, "downstream") ?? "", /is revoked$/);
  assert.deepEqual(
    events.map(({ action, side, remoteAddress }) => [action, side, remoteAddress]),
    [
      ["closed", "upstream", "127.0.0.1:4711"],
      ["closed", "downstream", "127.0.0.1:4711"],
      ["refused", "downstream", "127.0.0.1:4711"],
    ],
  );

  peers.set({ spiffeIds: nobody, serials: nobody });
  assert.equal(peers.admit(connection(), known, "downstream"), undefined, "and back again");
});

test("a connection that has ended is forgotten", () => {
  const peers = new DeniedPeers();
  const events: DeniedEvent[] = [];
  peers.observe((event) => events.push(event));
  const socket = connection();
  peers.admit(socket, { spiffeId: idFor("a"), serialHex: "01" }, "downstream");
  socket.emit("close");
  peers.set({ spiffeIds: new Set([idFor("a")]), serials: nobody });
  assert.deepEqual(events, []);
  assert.equal(socket.isDestroyed, false);
});

test("a certificate is stale before it begins and after it has ended, and its successor wakes who waits", () => {
  const store = new SecretStore();
  const root = rootOf();
  const nowMs = Date.now();
  const { cert, key } = keyPair(root, [idFor("a")], {
    notBeforeMs: nowMs - HOUR_MS,
    notAfterMs: nowMs + HOUR_MS,
  });
  assert.equal(store.isStale("own", nowMs), false, "one that has not come is not stale");
  store.setCertificate("own", { chainPem: cert, keyPem: key });
  const stale = [-2, 0, 2].map((hours) => store.isStale("own", nowMs + hours * HOUR_MS));
  assert.deepEqual(stale, [true, false, true]);

  const woken: string[] = [];
  store.whenFresh(() => woken.push("a"));
  const cancel = store.whenFresh(() => woken.push("b"));
  cancel();
  store.setCertificate("own", { chainPem: cert, keyPem: key });
  store.setCertificate("own", { chainPem: cert, keyPem: key });
  assert.deepEqual(woken, ["a"], "once");
});
