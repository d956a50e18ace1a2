/**
 * Everything expires: a sidecar sleeps until its certificate has, the control plane is away as long, and the root is
 * over by the time it comes back. Then everybody works again without anybody's doing.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { ManualClock } from "../../src/core/clock.ts";
import {
  createRootCertificate,
  generateAuthorityKey,
} from "../../src/identity/certificate-authority.ts";
import { formatCertificatesPem } from "../../src/identity/pem.ts";
import { Application, eventually, killAll } from "../support/application.ts";
import { summary } from "../support/load-client.ts";

/** The shortest that is allowed. */
const LIFETIME_S = 60;
/** The bound of the issue. */
const RECOVERED_WITHIN_MS = 60_000;

let application: Application;

before(async () => {
  application = await Application.start({
    catalog: { v1: 2 },
    keepsControlPlaneApart: true,
    resources: [
      {
        apiVersion: "mesh.tulle.dev/v1",
        kind: "MeshConfig",
        metadata: { name: "default" },
        spec: { certificates: { lifetime: `${LIFETIME_S}s` } },
      },
    ],
  });
});

after(() => application?.close());

interface Shown {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly atMs: number;
}

/** The certificate that a listener shows, and when that was. Whoever shows none is refused afterwards. */
function shownCertificate(host: string, port: number): Promise<Shown> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      const { valid_from: from, valid_to: to } = socket.getPeerCertificate();
      resolve({ notBeforeMs: Date.parse(from), notAfterMs: Date.parse(to), atMs: Date.now() });
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

/** An authority of the same name whose root ended a second ago, in place of the one that is there. */
function expireAuthority(folder: string, trustDomain: string): void {
  const clock = new ManualClock(Date.now() - 3_600_000);
  const key = generateAuthorityKey();
  const lifetimeMs = 3_600_000 - 1000;
  const root = createRootCertificate({ trustDomain, key, clock, lifetimeMs });
  writeFileSync(join(folder, "ca.key"), key.export({ format: "pem", type: "pkcs8" }), {
    mode: 0o600,
  });
  writeFileSync(join(folder, "ca.crt"), formatCertificatesPem([root.der]));
}

test("a sidecar that slept and a mesh whose root is over come back by themselves", async (context) => {
  const [sleeper, ...others] = await application.catalogInstances();
  assert.ok(sleeper !== undefined && others.length === 1);
  const before = await application.client.burst(50, 4);
  assert.deepEqual(
    before.filter(({ failure }) => failure !== undefined),
    [],
  );
  const file = application.controlPlaneFile();
  const asleep = application.sidecarPids(sleeper.name);
  for (const pid of asleep) process.kill(pid, "SIGSTOP");
  context.after(() => {
    for (const pid of asleep) process.kill(pid, "SIGCONT");
  });
  killAll([file.pid]);
  // Whoever renewed at the last moment has a certificate for so long.
  await delay((LIFETIME_S + 2) * 1000);
  const dead = await application.client.send();
  assert.notEqual(dead.failure, undefined, "nobody has a certificate that others accept");

  expireAuthority(dirname(file.adminSocket), file.trustDomain);
  const restartMs = performance.now();
  await application.restartControlPlane();
  const place = { host: sleeper.address, port: sleeper.ports[0]?.inboundPort ?? 0 };
  // It waits in the kernel's queue until the sidecar wakes up: nothing comes before it.
  const first = shownCertificate(place.host, place.port);
  for (const pid of asleep) process.kill(pid, "SIGCONT");
  const shown = await first;
  const seen = new Set<string>();
  await eventually(async () => {
    const { failure, instance } = await application.client.send();
    if (failure === undefined) seen.add(instance);
    return seen.size === 2 ? true : undefined;
  });
  const tookMs = performance.now() - restartMs;
  const outcomes = await application.client.burst(200, 8);
  console.log(
    `everything expired for a mesh of three sidecars: all work again ${(tookMs / 1000).toFixed(1)} s after the ` +
      `control plane began to start; ${summary(outcomes)}`,
  );
  assert.ok(shown.notBeforeMs <= shown.atMs && shown.atMs <= shown.notAfterMs, "renewed before");
  assert.ok(tookMs <= RECOVERED_WITHIN_MS, `${tookMs} ms`);
  assert.deepEqual(
    outcomes.filter(({ failure }) => failure !== undefined),
    [],
  );
  const { roots } = await application.admin.ca();
  assert.equal(roots.length, 1);
  assert.ok(Date.parse(roots[0]?.notAfter ?? "") > Date.now());
  assert.match(
    application.controlPlane?.output ?? "",
    /the root had expired: a new one is in force/,
  );
});
