/** Bundles of other trust domains, fetched from real endpoints: by either profile, kept, replaced, refused. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ManualClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { formatBundleDocument } from "../../decision/spiffe/bundle-document.ts";
import {
  createTestAuthority,
  createTestLeaf,
  createTestRoot,
  issueTestSvid,
} from "../../identity/certificate-fixtures.ts";
import { alternativeNamesDer } from "../../identity/certificate-writer.ts";
import { formatCertificatesPem } from "../../identity/pem.ts";
import type {
  TrustDomainFederation,
  TrustDomainFederationSpec,
} from "../../resource/kinds/trust-domain-federation.ts";
import { FederationKeeper } from "./federation-keeper.ts";

const OTHER = "other.test";
const ENDPOINT_ID = `spiffe://${OTHER}/ns/tulle-system/sa/control-plane`;
const LIFE_MS = 86_400_000;

const clock = new ManualClock(Date.now());
const own = createTestAuthority("own.test", clock);
const other = createTestAuthority(OTHER, clock);
const roots = [other.authority.certificate.der];

let folder: string;
let server: Server;
let url: string;
let answer: { status: number; body: string };
const sent = (contents: {
  sequence?: bigint;
  refreshHintS?: number;
  rootsDer?: Buffer[];
}): string => formatBundleDocument({ rootsDer: roots, jwtKeys: [], ...contents });

function show(id: string, authority = other.authority): void {
  const { certificateChainPem, privateKeyPem } = issueTestSvid(authority, id, LIFE_MS);
  server.setSecureContext({ cert: certificateChainPem, key: privateKeyPem });
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tulle-federation-"));
  const { certificateChainPem, privateKeyPem } = issueTestSvid(
    other.authority,
    ENDPOINT_ID,
    LIFE_MS,
  );
  server = createServer({ cert: certificateChainPem, key: privateKeyPem }, (_, response) => {
    response.writeHead(answer.status, { location: "https://127.0.0.1:1/" }).end(answer.body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function federation(
  spec: Partial<TrustDomainFederationSpec> = {},
  name = "other",
): TrustDomainFederation {
  return {
    metadata: { name, namespace: "", creationTimestamp: "2026-01-01T00:00:00Z" },
    kind: "TrustDomainFederation",
    spec: {
      trustDomain: OTHER,
      bundleEndpointURL: url,
      bundleEndpointProfile: { type: "https_spiffe", endpointSPIFFEID: ENDPOINT_ID },
      trustDomainBundle: sent({ sequence: 1n }),
      ...spec,
    },
  } as unknown as TrustDomainFederation;
}

function keeper(more: { readonly allowed?: readonly string[]; readonly path?: string } = {}) {
  let changes = 0;
  let wake = (): void => {};
  const kept = new FederationKeeper({
    path: more.path,
    trustDomain: "own.test",
    getOwnBundle: () => own.bundle,
    getAllowedAddresses: () => more.allowed ?? ["127.0.0.1"],
    onChanged: () => {
      changes++;
      wake();
    },
    clock,
    log: silentLogger,
  });
  /** Lets time pass, and waits for what comes of it. */
  const changed = async (ms = 0): Promise<void> => {
    const before = changes;
    const happened = new Promise<void>((resolve) => {
      wake = () => changes > before && resolve();
    });
    clock.advance(ms);
    await happened;
  };
  const problem = (): string =>
    kept.findings.map(({ code, message }) => `${code}: ${message}`).join();
  const sequence = (): bigint | undefined => kept.bundles[0]?.sequence;
  return { kept, changed, problem, sequence };
}

test("by https_spiffe, as often as the bundle says, and never back", async () => {
  const { kept, changed, problem, sequence } = keeper();
  answer = { status: 200, body: sent({ sequence: 5n, refreshHintS: 60 }) };
  assert.ok(kept.want([federation()]));
  assert.equal(sequence(), 1n);
  await changed();
  assert.equal(problem(), "");
  assert.equal(sequence(), 5n);
  assert.equal(kept.want([federation()]), false);
  answer = { status: 200, body: sent({ sequence: 4n, rootsDer: [] }) };
  await changed(60_000);
  assert.equal(sequence(), 5n);
  assert.match(problem(), /bundle-stale: .*sequence 4, older than 5/);
  answer = { status: 200, body: sent({ sequence: 6n }) };
  await changed(60_000);
  assert.deepEqual([sequence(), problem()], [6n, ""]);
  kept.stop();
});

test("an endpoint that is somebody else is refused, and what was known holds", async () => {
  answer = { status: 200, body: sent({ sequence: 9n }) };
  for (const [id, authority, reason] of [
    [`spiffe://${OTHER}/ns/default/sa/web`, other.authority, /expected spiffe/],
    [ENDPOINT_ID, own.authority, /refused/],
    ["spiffe://own.test/ns/tulle-system/sa/control-plane", own.authority, /not trusted here/],
  ] as const) {
    show(id, authority);
    const { kept, changed, problem, sequence } = keeper();
    kept.want([federation()]);
    await changed();
    assert.match(problem(), reason);
    assert.equal(sequence(), 1n);
    kept.stop();
  }
  show(ENDPOINT_ID);
});

test("by https_web a certificate for another host, or of nobody, is refused", async () => {
  answer = { status: 200, body: sent({}) };
  const { kept, changed, problem } = keeper();
  const profile = { type: "https_web" } as const;
  kept.want([federation({ bundleEndpointProfile: profile, trustDomainBundle: undefined })]);
  assert.match(problem(), /bundle-pending/);
  await changed();
  assert.match(problem(), /bundle-missing: .*(certificate|issuer)/);
  assert.deepEqual(kept.bundles, []);
  kept.stop();
});

test("by https_web with a certificate for the host, under roots that are named", async () => {
  const issuer = createTestRoot(clock.nowMs());
  const alternativeNames = alternativeNamesDer({ uris: [], dnsNames: ["localhost"] }, true);
  const leaf = createTestLeaf(clock.nowMs(), issuer, [], { alternativeNames });
  const key = leaf.key.export({ format: "pem", type: "pkcs8" }).toString();
  server.setSecureContext({ cert: formatCertificatesPem([leaf.der]), key });
  answer = { status: 200, body: sent({ sequence: 2n }) };
  const { kept, changed, problem, sequence } = keeper({ allowed: ["127.0.0.1", "::1"] });
  const profile = {
    type: "https_web",
    caCertificates: formatCertificatesPem([issuer.der]),
  } as const;
  const address = { bundleEndpointURL: url.replace("127.0.0.1", "localhost") };
  const spec = { bundleEndpointProfile: profile, trustDomainBundle: undefined };
  kept.want([federation({ ...spec, ...address })]);
  await changed();
  assert.deepEqual([problem(), sequence()], ["", 2n]);
  // The same endpoint by a name that its certificate does not have.
  kept.want([federation(spec)]);
  await changed();
  assert.match(problem(), /altnames|IP/);
  kept.stop();
  show(ENDPOINT_ID);
});

test("redirects, errors and what is no bundle leave everything as it was", async () => {
  const { kept, changed, problem, sequence } = keeper();
  answer = { status: 200, body: sent({ sequence: 2n, refreshHintS: 1 }) };
  kept.want([federation()]);
  await changed();
  for (const [status, body, reason] of [
    [302, "", /status 302/],
    [500, "", /status 500/],
    [200, '{"keys":[],"keys":[]}', /twice/],
    [200, "x".repeat(300_000), /more than/],
  ] as const) {
    answer = { status, body };
    await changed(1_000);
    assert.match(problem(), reason);
    assert.equal(sequence(), 2n);
  }
  kept.stop();
});

test("a bundle without roots takes trust away", async () => {
  const { kept, changed, problem } = keeper();
  answer = { status: 200, body: sent({ sequence: 3n, rootsDer: [] }) };
  kept.want([federation()]);
  await changed();
  assert.deepEqual(kept.bundles[0]?.x509.roots, []);
  assert.match(problem(), /bundle-missing: its bundle has no root/);
  kept.stop();
});

test("what was fetched is there after a restart, newer than what the object says", async () => {
  const path = join(folder, "bundles.json");
  const first = keeper({ path });
  answer = { status: 200, body: sent({ sequence: 7n }) };
  first.kept.want([federation()]);
  await first.changed();
  first.kept.stop();
  const second = keeper({ path });
  second.kept.want([federation()]);
  assert.equal(second.sequence(), 7n);
  second.kept.stop();
});

test("addresses that are closed are not asked", async () => {
  const { kept, changed, problem } = keeper({ allowed: [] });
  kept.want([federation()]);
  await changed();
  assert.match(problem(), /fetching\.allowedAddresses/);
  kept.stop();
});

test("the own trust domain and a second object for one domain have no effect", () => {
  const { kept, problem } = keeper();
  kept.want([federation({ trustDomain: "own.test" }, "self"), federation(), federation({}, "z")]);
  assert.match(problem(), /own trust domain/);
  assert.match(problem(), /other is older/);
  assert.equal(kept.bundles.length, 1);
  kept.stop();
});
