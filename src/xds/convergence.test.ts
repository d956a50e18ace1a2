/**
 * Random lives of a server and a client: snapshots, broken streams and refusals in any order. In the end the
 * client has exactly the last snapshot, and at no moment has it had a route to a cluster without endpoints.
 */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { AdsClientFixture } from "../../test/support/ads-client-fixture.ts";
import { AdsServerFixture } from "../../test/support/ads-server-fixture.ts";
import { until } from "../../test/support/until.ts";
import { assignment, edsCluster, listener, routeTo } from "../../test/support/xds-resources.ts";
import { type EncodedResource, proxySnapshot } from "./snapshot.ts";
import {
  CLUSTER_TYPE_URL as CDS,
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  ROUTE_TYPE_URL as RDS,
} from "./type-urls.ts";

const CLUSTERS = ["c1", "c2", "c3", "c4"];
/** A listener variant that the client refuses, and a mark of routes that it refuses. */
const BAD = 13;
const REFUSED = "refused-route";

interface Shape {
  /** Variant of each cluster that exists, and its port. */
  readonly clusters: readonly {
    readonly name: string;
    readonly variant: number;
    readonly port: number;
  }[];
  /** Listeners, each with a route of the same name to one of the clusters. */
  readonly listeners: readonly {
    readonly name: string;
    readonly variant: number;
    readonly to: number;
    readonly isBadRoute: boolean;
  }[];
}

type Step =
  | { readonly kind: "snapshot"; readonly shape: Shape }
  | { readonly kind: "break" }
  | { readonly kind: "turn"; readonly count: number };

const shapes: fc.Arbitrary<Shape> = fc.record({
  clusters: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom(...CLUSTERS),
      variant: fc.integer({ min: 1, max: 2 }),
      port: fc.integer({ min: 1, max: 3 }),
    }),
    { selector: ({ name }) => name, minLength: 1, maxLength: 4 },
  ),
  listeners: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("l1", "l2", "l3"),
      variant: fc.constantFrom(1, 2, BAD),
      to: fc.nat(3),
      isBadRoute: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
    }),
    { selector: ({ name }) => name, maxLength: 3 },
  ),
});

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: shapes.map((shape) => ({ kind: "snapshot", shape }) as const) },
    { weight: 1, arbitrary: fc.constant({ kind: "break" } as const) },
    {
      weight: 3,
      arbitrary: fc.integer({ min: 1, max: 40 }).map((count) => ({ kind: "turn", count }) as const),
    },
  ),
  { maxLength: 25 },
);

function resourcesOf({ clusters, listeners }: Shape): EncodedResource[] {
  const target = (index: number): string => clusters[index % clusters.length]?.name ?? "";
  return [
    ...clusters.map(({ name, variant }) => edsCluster(name, variant)),
    ...clusters.map(({ name, port }) => assignment(name, port)),
    ...listeners.map(({ name, variant }) => listener(name, variant)),
    ...listeners.map(({ name, to, isBadRoute }) =>
      routeTo(name, target(to), isBadRoute ? REFUSED : "good"),
    ),
  ];
}

/** Every cluster that a route of the client names is there and has its endpoints. */
function assertNothingBroken(client: AdsClientFixture): void {
  for (const [route, bytes] of client.applied.get(RDS) ?? []) {
    const cluster = CLUSTERS.find((name) => Buffer.from(bytes).includes(name));
    assert.ok(
      cluster !== undefined && client.applied.get(CDS)?.has(cluster),
      `${route} has its cluster`,
    );
    const endpoints = client.applied.get(EDS)?.get(cluster);
    assert.ok((endpoints?.length ?? 0) > cluster.length + 2, `${cluster} has its endpoints`);
  }
}

for (const protocol of ["delta", "sotw"] as const) {
  test(`${protocol}: the client ends with the last snapshot`, async () => {
    await fc.assert(
      fc.asyncProperty(steps, shapes, (life, last) => live(protocol, life, last)),
      { numRuns: 40 },
    );
  });
}

async function live(protocol: "delta" | "sotw", life: readonly Step[], last: Shape): Promise<void> {
  const server = await new AdsServerFixture().listen();
  let broken: unknown;
  // After a reconnect over state-of-the-world the server does not know which clusters the client still uses.
  let isWatched = true;
  const client = new AdsClientFixture({
    port: server.port,
    protocol,
    judge: (_typeUrl, { bytes }) =>
      [`variant-${BAD}`, REFUSED].filter((mark) => Buffer.from(bytes).includes(mark)),
    onApplied: (proxy) => {
      try {
        if (isWatched) assertNothingBroken(proxy);
      } catch (error) {
        broken ??= error;
      }
    },
  }).startProxy();
  try {
    let revision = 0;
    const set = (shape: Shape): void => {
      revision += 1;
      server.setSnapshot(proxySnapshot(revision, resourcesOf(shape)));
    };
    for (const step of life) {
      if (step.kind === "snapshot") set(step.shape);
      if (step.kind === "break") {
        if (protocol === "sotw") isWatched = false;
        server.ads.closeAll();
      }
      if (step.kind === "turn") {
        for (let turn = 0; turn < step.count; turn++) await new Promise(setImmediate);
        server.clock.advance(1_000);
        client.clock.advance(1_000);
      }
    }
    const listeners = last.listeners.filter(({ variant }) => variant !== BAD);
    const shape = {
      ...last,
      listeners: listeners.map((one) => ({ ...one, isBadRoute: false })),
    };
    set(shape);
    await until(() => {
      client.clock.advance(1_000);
      server.clock.advance(1_000);
      return server.acknowledged.at(-1) === revision;
    });
    if (broken !== undefined) throw broken;
    const wanted = proxySnapshot(revision, resourcesOf(shape)).resources;
    for (const typeUrl of [CDS, EDS, LDS, RDS]) {
      const want = [...(wanted.get(typeUrl) ?? [])].map(([name, { bytes }]) => [name, bytes]);
      const got = [...(client.applied.get(typeUrl) ?? [])];
      assert.deepEqual(sorted(got), sorted(want), typeUrl);
    }
  } finally {
    client.client.stop();
    server.stop();
  }
}

function sorted(entries: readonly (readonly unknown[])[]): unknown[] {
  return entries
    .map(([name, bytes]) => [name, Buffer.from(bytes as Uint8Array).toString("hex")])
    .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
}
