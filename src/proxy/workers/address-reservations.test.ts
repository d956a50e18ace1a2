/** Addresses that workers share: one listener each, no other process, and free again when all have left. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { hasCode } from "../../core/errors.ts";
import { AddressReservations } from "./address-reservations.ts";

const HOST = "127.0.0.1";

async function listening(context: TestContext, port = 0, reusePort = false): Promise<Server> {
  const server = createServer().listen({ host: HOST, port, reusePort });
  await once(server, "listening");
  context.after(() => server.close());
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function isTaken(promise: Promise<number>, reason: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(hasCode(error, "listen-failed") && error instanceof Error);
    assert.match(error.message, reason);
    return true;
  });
}

test("all workers get the same port for port 0, and can bind it", async (context) => {
  const reservations = new AddressReservations();
  const ports = await Promise.all([0, 1, 2].map((w) => reservations.reserve(w, "main", HOST, 0)));
  assert.equal(new Set(ports).size, 1);
  const [port = 0] = ports;
  for (const _ of ports) assert.equal(portOf(await listening(context, port, true)), port);
  assert.equal(await reservations.reserve(1, "main", HOST, 0), port);
  assert.notEqual(await reservations.reserve(0, "other", HOST, 0), port);
});

test("an address of another process is refused, also when that would share it", async (context) => {
  const reservations = new AddressReservations();
  for (const reusePort of [false, true]) {
    const port = portOf(await listening(context, 0, reusePort));
    await isTaken(reservations.reserve(0, "main", HOST, port), /address already in use/);
    // What was refused is not kept.
    await isTaken(reservations.reserve(1, "other", HOST, port), /address already in use/);
  }
});

test("two listeners cannot have one address", async () => {
  const reservations = new AddressReservations();
  const port = await reservations.reserve(0, "main", HOST, 0);
  await isTaken(reservations.reserve(0, "other", HOST, port), /listener main of this proxy has it/);
  await isTaken(reservations.reserve(1, "other", HOST, port), /listener main of this proxy has it/);
});

test("an address is free when the last worker has left it", async () => {
  const reservations = new AddressReservations();
  const port = await reservations.reserve(0, "main", HOST, 0);
  await reservations.reserve(1, "main", HOST, 0);
  reservations.release(0, "main", HOST, port);
  await isTaken(reservations.reserve(0, "other", HOST, port), /listener main/);
  reservations.release(1, "main", HOST, port);
  assert.equal(await reservations.reserve(0, "other", HOST, port), port);
});

test("workers that have all died get their port back, unless another process is there", async (context) => {
  const reservations = new AddressReservations();
  const port = await reservations.reserve(0, "main", HOST, 0);
  reservations.onDied(0);
  assert.equal(await reservations.reserve(0, "main", HOST, 0), port);
  reservations.onDied(0);
  const other = await listening(context, port);
  await isTaken(reservations.reserve(0, "main", HOST, port), /address already in use/);
  await new Promise((resolve) => other.close(resolve));
  assert.equal(await reservations.reserve(0, "other", HOST, port), port);
});

test("addresses of the process before this one are known without a try", async (context) => {
  const reservations = new AddressReservations();
  const port = portOf(await listening(context, 0, true));
  for (const worker of [0, 1]) reservations.adopt(worker, "main", HOST, 0, port);
  reservations.onDied(0);
  assert.equal(await reservations.reserve(0, "main", HOST, 0), port);
  await isTaken(reservations.reserve(1, "other", HOST, port), /listener main of this proxy has it/);
});
