/** The gRPC port when clients are revoked, and when its own certificate is not valid for a while. */
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { ManualClock } from "../core/clock.ts";
import { CertificateClient } from "./certificate-client.ts";
import { generateTestKey, issueTestSvid } from "./certificate-fixtures.ts";
import {
  CONTROL_PLANE_ID,
  startTestControlPlane,
  type TestControlPlane,
} from "./control-plane-fixtures.ts";
import { createCsr } from "./csr.ts";
import { NOTHING_DENIED } from "./deny-list.ts";
import type { Svid } from "./svid.ts";

const WORKLOAD_ID = "spiffe://mesh.test/ns/shop/sa/catalog";
const DAY_MS = 86_400_000;

/** Asks for a certificate with the one that it shows. */
async function renew(
  controlPlane: TestControlPlane,
  svid: Svid,
  clock: ManualClock,
): Promise<string> {
  const privateKey = generateTestKey();
  const client = new CertificateClient({
    address: controlPlane.address,
    serverSpiffeId: CONTROL_PLANE_ID,
    clock,
  });
  const csrDer = createCsr({ privateKey, publicKey: createPublicKey(privateKey) });
  const identity = { svid, bundles: controlPlane.bundles };
  return (await client.sign({ csrDer, identity })).spiffeId;
}

test("who is revoked is refused with the reason, and gets in again afterwards", async (context) => {
  const clock = new ManualClock();
  const controlPlane = await startTestControlPlane(clock);
  context.after(() => controlPlane.stop());
  const svid = issueTestSvid(controlPlane.authority, WORKLOAD_ID);
  assert.equal(await renew(controlPlane, svid, clock), WORKLOAD_ID);
  controlPlane.listener.setDenied({ spiffeIds: new Set([WORKLOAD_ID]), serials: new Set() });
  await assert.rejects(renew(controlPlane, svid, clock), /the identity \S+catalog is revoked/);
  controlPlane.listener.setDenied(NOTHING_DENIED);
  assert.equal(await renew(controlPlane, svid, clock), WORKLOAD_ID);
});

test("no client sees a certificate that has expired: it waits for the next one", async (context) => {
  const clock = new ManualClock();
  const controlPlane = await startTestControlPlane(clock);
  context.after(() => controlPlane.stop());
  const { authority, bundles, listener } = controlPlane;
  const brief = issueTestSvid(authority, CONTROL_PLANE_ID, DAY_MS);
  listener.setIdentity({ svid: brief, bundles });
  clock.advance(7 * DAY_MS);
  const client = issueTestSvid(authority, WORKLOAD_ID);
  const renewed = renew(controlPlane, client, clock);
  let isSettled = false;
  void renewed.finally(() => {
    isSettled = true;
  });
  const connected = async (): Promise<void> => {
    while (listener.waitingCount === 0) await new Promise(setImmediate);
  };
  await connected();
  assert.equal(isSettled, false);
  listener.setIdentity({ svid: issueTestSvid(authority, CONTROL_PLANE_ID, DAY_MS), bundles });
  assert.equal(await renewed, WORKLOAD_ID);
  assert.equal(listener.waitingCount, 0);
});

test("a client is not kept waiting for ever", async (context) => {
  const clock = new ManualClock();
  const controlPlane = await startTestControlPlane(clock);
  context.after(() => controlPlane.stop());
  const { authority, bundles, listener } = controlPlane;
  listener.setIdentity({ svid: issueTestSvid(authority, CONTROL_PLANE_ID, DAY_MS), bundles });
  clock.advance(2 * DAY_MS);
  const renewed = renew(controlPlane, issueTestSvid(authority, WORKLOAD_ID), clock);
  const refused = assert.rejects(renewed, /no certificate from the control plane/);
  while (listener.waitingCount === 0) await new Promise(setImmediate);
  clock.advance(10_000);
  await refused;
});
