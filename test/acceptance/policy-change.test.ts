/**
 * Policy changes: how long it takes from the answer of `apply` until each sidecar denies the requests of a member on the
 * connection that it has, and cuts its TCP connections. With 20 sidecars at full size, otherwise with a few. The figures are
 * printed; what is asserted is that policy holds everywhere, and no more, whatever else the machine has to do.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { Application } from "../support/application.ts";
import { IS_FULL_SIZE } from "../support/full-size.ts";
import { MeshMember, type Place } from "../support/mesh-member.ts";

const HTTP_INSTANCES = IS_FULL_SIZE ? 15 : 3;
const TCP_INSTANCES = IS_FULL_SIZE ? 5 : 2;
/** Times that each policy is applied and deleted again. */
const ROUNDS = IS_FULL_SIZE ? 5 : 2;
const PROBE_MS = 5;
/** What the control plane waits for acknowledgements: whoever has not denied by then does not enforce. */
const ENFORCED_WITHIN_S = 30;

let application: Application;
let member: MeshMember;
let httpPlaces: readonly Place[];
let tcpPlaces: readonly Place[];

before(async () => {
  application = await Application.start({
    catalog: { v1: HTTP_INSTANCES },
    more: {
      echo: {
        command: ["node", join(import.meta.dirname, "apps", "echo.mjs")],
        port: "tcp=auto/tcp",
        replicas: TCP_INSTANCES,
      },
    },
  });
  const file = application.controlPlaneFile();
  member = await MeshMember.join({ ...file, serviceAccount: "intruder", instance: "intruder-1" });
  httpPlaces = await placesOf("catalog");
  tcpPlaces = await placesOf("echo");
  assert.equal(httpPlaces.length, HTTP_INSTANCES);
  assert.equal(tcpPlaces.length, TCP_INSTANCES);
});

after(async () => {
  await member?.leave();
  await application?.close();
});

async function placesOf(wanted: string): Promise<readonly Place[]> {
  const { instances } = await application.admin.instances();
  return instances
    .filter(({ service }) => service === wanted)
    .map(({ address, ports }) => ({ host: address, port: ports[0]?.inboundPort ?? 0 }));
}

/** Asks on one connection again and again until it is denied. Resolves with when that was. */
async function firstDenial(socket: TLSSocket): Promise<number> {
  for (;;) {
    const answer = new Promise<string>((resolve, reject) => {
      socket.once("data", (bytes: Buffer) => resolve(bytes.toString("latin1")));
      socket.once("close", () => reject(new Error("the connection was closed")));
    });
    socket.write("GET / HTTP/1.1\r\nHost: catalog\r\n\r\n");
    const status = /^HTTP\/1\.1 (\d+)/.exec(await answer)?.[1];
    socket.removeAllListeners("close");
    if (status === "403") return performance.now();
    assert.equal(status, "200");
    await delay(PROBE_MS);
  }
}

function closing(socket: TLSSocket): Promise<number> {
  if (socket.closed) return Promise.resolve(performance.now());
  return new Promise((resolve) => socket.once("close", () => resolve(performance.now())));
}

async function openEverywhere(
  places: readonly Place[],
  alpn: "http/1.1" | "tulle-tcp",
): Promise<readonly TLSSocket[]> {
  return await Promise.all(
    places.map(async (place) => {
      const socket = await member.connect(place, alpn);
      assert.ok(socket, "it is let in");
      return socket;
    }),
  );
}

interface Times {
  readonly http: number[];
  readonly tcp: number[];
}

/** Milliseconds from the answer of `apply` to the first denial and to the end of each TCP connection. */
async function changePolicy(spec: object): Promise<Times> {
  const times: Times = { http: [], tcp: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const http = await openEverywhere(httpPlaces, "http/1.1");
    const live = (await openEverywhere(tcpPlaces, "tulle-tcp")).map(closing);
    const asking = http.map(firstDenial);
    const text = JSON.stringify({ ...POLICY, spec });
    const { revision } = await application.admin.apply({ files: [{ name: "test", text }] });
    const answeredMs = performance.now();
    const { done } = await application.admin.revision(revision, ENFORCED_WITHIN_S);
    assert.ok(done, "every sidecar has acknowledged");
    // A denial may be there before the answer has arrived.
    const since = (atMs: number) => Math.max(0, atMs - answeredMs);
    times.http.push(...(await Promise.all(asking)).map(since));
    times.tcp.push(...(await Promise.all(live)).map(since));
    const place = { namespace: "default", name: "change" };
    const deleted = await application.admin.delete("AuthorizationPolicy", place);
    assert.ok((await application.admin.revision(deleted.revision, ENFORCED_WITHIN_S)).done);
    member.closeAll();
  }
  return times;
}

const POLICY = {
  apiVersion: "mesh.tulle.dev/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "change" },
} as const;

function report(context: TestContext, what: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  const slowest = Math.round(sorted.at(-1) ?? 0);
  const line = `${what}, ${sorted.length} times: median ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${slowest} ms`;
  context.diagnostic(line);
  assert.ok(slowest <= ENFORCED_WITHIN_S * 1000, line);
}

for (const [what, spec] of Object.entries({
  "DENY for the caller": {
    action: "DENY",
    rules: [{ from: [{ source: { principals: ["tulle.local/ns/default/sa/intruder"] } }] }],
  },
  "ALLOW for somebody else": {
    action: "ALLOW",
    rules: [{ from: [{ source: { principals: ["tulle.local/ns/default/sa/storefront"] } }] }],
  },
})) {
  test(`${what}: every sidecar enforces it on what is open already`, async (context) => {
    const { http, tcp } = await changePolicy(spec);
    const sidecars = `${HTTP_INSTANCES + TCP_INSTANCES} sidecars`;
    report(context, `${what} at ${sidecars}, requests denied`, http);
    report(context, `${what} at ${sidecars}, TCP connections cut`, tcp);
    report(context, `${what} at ${sidecars}, both`, [...http, ...tcp]);
  });
}
