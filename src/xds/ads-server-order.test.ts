/** Make before break, shown by withholding each acknowledgement in turn, over both variants of ADS. */
import assert from "node:assert/strict";
import test, { afterEach, beforeEach, describe } from "node:test";
import { AdsServerFixture } from "../../test/support/ads-server-fixture.ts";
import type { RawAdsClient, RawResponse } from "../../test/support/raw-ads-client.ts";
import {
  assignment,
  edsCluster,
  listener,
  routeTo,
  secret,
  tlsCluster,
} from "../../test/support/xds-resources.ts";
import type { EncodedResource } from "./snapshot.ts";
import {
  CLUSTER_TYPE_URL as CDS,
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  ROUTE_TYPE_URL as RDS,
  SECRET_TYPE_URL as SDS,
  shortTypeName,
} from "./type-urls.ts";

/** What a proxy has that sends everything from listener `l` by route `r` to one cluster. */
function mesh(cluster: string, variant = 1): EncodedResource[] {
  return [
    edsCluster(cluster, variant),
    assignment(cluster, variant),
    listener("l", variant),
    routeTo("r", cluster),
  ];
}

const told = (responses: readonly RawResponse[]): string[] =>
  responses.map(({ typeUrl, names, removed }) => {
    const gone = removed.map((name) => `-${name}`);
    return `${shortTypeName(typeUrl)} ${[...names, ...gone].join(" ")}`;
  });

for (const protocol of ["delta", "sotw"] as const) {
  describe(protocol, () => {
    let fixture: AdsServerFixture;
    let client: RawAdsClient;
    const endpointNames = new Set<string>();
    let endpointNonce = "";

    beforeEach(async () => {
      fixture = await new AdsServerFixture().listen();
      client = fixture.connect(protocol);
      endpointNames.clear();
      endpointNonce = "";
    });
    afterEach(() => fixture.stop());

    /** Changes the endpoint subscription as the variant wants it said. */
    function endpoints(name: string, on: boolean): void {
      if (on) endpointNames.add(name);
      else endpointNames.delete(name);
      if (protocol === "sotw") {
        client.request({ typeUrl: EDS, names: [...endpointNames], nonce: endpointNonce });
      } else {
        client.request({ typeUrl: EDS, ...(on ? { names: [name] } : { unsubscribe: [name] }) });
      }
    }

    function ack(response: RawResponse): void {
      if (response.typeUrl === EDS) endpointNonce = response.nonce;
      client.ack(response);
    }

    /** The proxy has all of `mesh(cluster)`. */
    async function connectWith(
      resources: readonly EncodedResource[],
      cluster: string,
    ): Promise<void> {
      fixture.set(...resources);
      client.request({ typeUrl: CDS });
      const clusters = await client.only();
      endpoints(cluster, true);
      ack(clusters);
      ack(await client.only());
      client.request({ typeUrl: LDS });
      ack(await client.only());
      client.request({ typeUrl: RDS, names: ["r"] });
      ack(await client.only());
      assert.deepEqual(await client.settle(), []);
      assert.equal(fixture.record.acknowledgedRevision, 1);
    }

    for (const isClusterFirst of [true, false]) {
      test(`a route to another cluster: every step waits for the one before (${isClusterFirst})`, async () => {
        await connectWith(mesh("old"), "old");
        fixture.set(...mesh("new", 2));

        const clusters = await client.only();
        // In state-of-the-world the old cluster is listed as long as routes may use it.
        const listed = protocol === "sotw" ? "CDS new old" : "CDS new";
        assert.deepEqual(told([clusters]), [listed]);
        assert.deepEqual(await client.settle(), [], "clusters are not acknowledged");

        endpoints("new", true);
        const assignments = await client.only();
        assert.deepEqual(
          told([assignments]),
          ["EDS new"],
          "Envoy acknowledges clusters with endpoints",
        );
        ack(isClusterFirst ? clusters : assignments);
        assert.deepEqual(await client.settle(), [], "one of the two is not acknowledged");

        ack(isClusterFirst ? assignments : clusters);
        const listeners = await client.only();
        assert.deepEqual(told([listeners]), ["LDS l"]);
        ack(listeners);
        const routes = await client.only();
        assert.deepEqual(told([routes]), ["RDS r"]);
        assert.deepEqual(
          await client.settle(),
          [],
          "the old cluster stays until the route is acknowledged",
        );

        ack(routes);
        const removal = await client.only();
        assert.deepEqual(told([removal]), [protocol === "sotw" ? "CDS new" : "CDS -old"]);
        endpoints("old", false);
        ack(removal);
        assert.deepEqual(await client.settle(), []);
        assert.equal(fixture.record.acknowledgedRevision, 2);
      });
    }

    test("a client that acknowledges clusters before it asks for endpoints gets them unasked", async () => {
      await connectWith(mesh("old"), "old");
      fixture.set(...mesh("new", 2));
      ack(await client.only());
      const unasked = await client.only();
      assert.deepEqual(told([unasked]), ["EDS new"]);
      endpoints("new", true);
      ack(unasked);
      // It may have dropped what it had not asked for.
      const asked = await client.settle();
      assert.deepEqual(told(asked), ["EDS new"]);
    });

    test("listeners and routes asked for at the start wait for clusters and endpoints", async () => {
      fixture.set(...mesh("c"));
      client.request({ typeUrl: CDS });
      client.request({ typeUrl: LDS });
      client.request({ typeUrl: RDS, names: ["r"] });
      const clusters = await client.only();
      assert.equal(clusters.typeUrl, CDS);
      endpoints("c", true);
      ack(clusters);
      const assignments = await client.only();
      assert.equal(assignments.typeUrl, EDS);
      ack(assignments);
      const listeners = await client.only();
      assert.equal(listeners.typeUrl, LDS);
      ack(listeners);
      assert.equal((await client.only()).typeUrl, RDS);
    });

    test("endpoints do not wait for listeners or routes", async () => {
      await connectWith(mesh("c"), "c");
      const [cluster, , , route] = mesh("c") as [
        EncodedResource,
        unknown,
        unknown,
        EncodedResource,
      ];
      fixture.set(cluster, assignment("c"), listener("l", 2), route);
      assert.deepEqual(told([await client.only()]), ["LDS l"]);
      fixture.set(cluster, assignment("c", 7), listener("l", 3), route);
      assert.deepEqual(told([await client.only()]), ["EDS c"]);
    });

    test("endpoints that change all the time do not hold up routes", async () => {
      await connectWith(mesh("c"), "c");
      const [cluster] = mesh("c") as [EncodedResource];
      fixture.set(cluster, assignment("c", 2), listener("l"), routeTo("r", "elsewhere"));
      const seen = await client.settle();
      assert.deepEqual(told(seen), ["EDS c", "RDS r"]);
    });

    test("a round goes on to its end although newer snapshots change clusters", async () => {
      await connectWith(mesh("old"), "old");
      fixture.set(...mesh("new", 2));
      let clusters = await client.only();
      endpoints("new", true);
      ack(await client.only());
      const [, endpointsOfNew, ...routing] = mesh("new", 2) as [EncodedResource, EncodedResource];
      for (let variant = 3; variant < 6; variant++) {
        fixture.set(edsCluster("new", variant), endpointsOfNew, ...routing);
      }
      ack(clusters);
      ack(await client.only());
      const routes = await client.only();
      assert.deepEqual(told([routes]), ["RDS r"]);
      ack(routes);
      clusters = await client.only();
      endpoints("old", false);
      ack(clusters);
      const [next] = await client.settle();
      assert.equal(next?.typeUrl, CDS, "then the newest follows");
      assert.deepEqual(next.bytes.get("new"), Buffer.from(edsCluster("new", 5).bytes));
    });

    test("a cluster that changed gets its endpoints again before routes move on", async () => {
      await connectWith(mesh("c"), "c");
      fixture.set(edsCluster("c", 2), assignment("c"), listener("l", 2), routeTo("r", "c"));
      const sent = await client.settle();
      assert.deepEqual(told(sent), ["CDS c", "EDS c"], "right behind it");
      for (const response of sent) ack(response);
      assert.deepEqual(told([await client.only()]), ["LDS l"]);
    });

    test("secrets come again with the cluster that uses them", async () => {
      await connectWith([...mesh("c"), secret("ROOTCA")], "c");
      client.request({ typeUrl: SDS, names: ["ROOTCA"] });
      ack(await client.only());
      await client.settle();
      const [, ...rest] = mesh("c");
      fixture.set(tlsCluster("c"), secret("ROOTCA"), ...rest);
      assert.deepEqual(told(await client.settle()), ["CDS c", "EDS c", "SDS ROOTCA"]);
    });

    test("a cluster that is removed and comes back works again", async () => {
      await connectWith(mesh("c"), "c");
      fixture.set(listener("l"), routeTo("r", "none"));
      const routes = await client.only();
      assert.deepEqual(told([routes]), ["RDS r"], "route first");
      ack(routes);
      const removal = await client.only();
      assert.equal(removal.typeUrl, CDS);
      ack(removal);
      for (const response of await client.settle()) ack(response);
      fixture.set(...mesh("c"));
      const sent = await client.settle();
      assert.deepEqual(told(sent), ["CDS c", "EDS c"]);
      for (const response of sent) ack(response);
      assert.deepEqual(told([await client.only()]), ["RDS r"]);
    });

    test("a client that gives up a type cannot hold up the others", async () => {
      await connectWith(mesh("c"), "c");
      fixture.set(edsCluster("c", 2), assignment("c"), listener("l", 2), routeTo("r", "c"));
      const [clusters, again] = await client.settle();
      assert.ok(clusters && again?.typeUrl === EDS);
      ack(clusters);
      endpointNonce = again.nonce;
      endpoints("c", false);
      const [listeners] = await client.settle();
      assert.equal(listeners?.typeUrl, LDS);
    });
  });
}

test("a proxyless client that asks only for listener and route by name is served in that order", async () => {
  const fixture = await new AdsServerFixture().listen();
  try {
    fixture.set(listener("svc:80"), listener("x"), routeTo("r", "c"), edsCluster("c"), secret("s"));
    const client = fixture.connect("sotw");
    client.request({ typeUrl: LDS, names: ["svc:80"] });
    const listeners = await client.only();
    assert.deepEqual(listeners.names, ["svc:80"]);
    client.ack(listeners);
    client.request({ typeUrl: RDS, names: ["r"] });
    client.ack(await client.only());
    client.request({ typeUrl: CDS, names: ["c"] });
    client.ack(await client.only());
    client.request({ typeUrl: EDS, names: ["c"] });
    client.ack(await client.only());
    assert.deepEqual(await client.settle(), []);
  } finally {
    fixture.stop();
  }
});
