/** NACKs: what is recorded, what is sent again, what is held back, and what goes on regardless. */
import assert from "node:assert/strict";
import test, { afterEach, beforeEach, describe } from "node:test";
import { AdsServerFixture } from "../../test/support/ads-server-fixture.ts";
import type { RawAdsClient, RawResponse } from "../../test/support/raw-ads-client.ts";
import { until } from "../../test/support/until.ts";
import { assignment, edsCluster, listener, routeTo } from "../../test/support/xds-resources.ts";
import {
  CLUSTER_TYPE_URL as CDS,
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  ROUTE_TYPE_URL as RDS,
} from "./type-urls.ts";

const RETRY_MS = 5_000;

for (const protocol of ["delta", "sotw"] as const) {
  describe(protocol, () => {
    let fixture: AdsServerFixture;
    let client: RawAdsClient;

    beforeEach(async () => {
      fixture = await new AdsServerFixture().listen();
      client = fixture.connect(protocol);
    });
    afterEach(() => fixture.stop());

    async function take(): Promise<RawResponse> {
      const response = await client.only();
      client.ack(response);
      await client.settle();
      return response;
    }

    test("a refusal is recorded with its message and not answered", async () => {
      fixture.set(listener("l"));
      client.request({ typeUrl: LDS });
      await take();
      fixture.set(listener("l", 2));
      const bad = await client.only();
      client.nack(bad, "l: bad port");
      assert.deepEqual(await client.settle(), []);
      const record = fixture.record.types.get(LDS);
      assert.equal(record?.refused?.message, "l: bad port");
      assert.equal(record?.refused?.version, bad.version);
      assert.equal(record?.refused?.revision, 2);
      assert.equal(record?.acknowledged?.revision, 1);
      assert.equal(fixture.record.acknowledgedRevision, 1);
      assert.deepEqual(
        fixture.refused.map(({ typeUrl, names, revision }) => ({ typeUrl, names, revision })),
        [{ typeUrl: LDS, names: ["l"], revision: 2 }],
      );
    });

    test("two refusals of a version end its sending until the content changes", async () => {
      fixture.set(listener("l", 1));
      client.request({ typeUrl: LDS });
      client.nack(await client.only(), "no");
      assert.deepEqual(await client.settle(), []);
      fixture.clock.advance(RETRY_MS);
      client.nack(await client.only(), "still no");
      assert.deepEqual(await client.settle(), []);
      fixture.clock.advance(100 * RETRY_MS);
      fixture.set(listener("l", 1));
      assert.deepEqual(await client.settle(), [], "the same content under a new revision");
      assert.equal(fixture.refused.length, 2);
      fixture.set(listener("l", 2));
      assert.deepEqual((await take()).names, ["l"]);
      assert.equal(fixture.record.acknowledgedRevision, 3);
      assert.equal(fixture.record.types.get(LDS)?.refused, undefined, "made good");
    });

    test("a retry that is accepted makes the refusal good", async () => {
      fixture.set(listener("l"));
      client.request({ typeUrl: LDS });
      client.nack(await client.only(), "address in use");
      await client.settle();
      assert.equal(fixture.record.acknowledgedRevision, undefined);
      fixture.clock.advance(RETRY_MS);
      await take();
      assert.equal(fixture.record.acknowledgedRevision, 1);
      assert.equal(fixture.record.types.get(LDS)?.refused, undefined);
    });

    test("going back to the version before is sent, because the client may have kept anything", async () => {
      fixture.set(listener("l", 1));
      client.request({ typeUrl: LDS });
      await take();
      fixture.set(listener("l", 2));
      client.nack(await client.only(), "no");
      await client.settle();
      fixture.set(listener("l", 1));
      assert.deepEqual((await take()).names, ["l"]);
      assert.equal(fixture.record.acknowledgedRevision, 3);
    });

    test("what the message does not name is sent again at once, without what it names", async () => {
      fixture.set(listener("good"), listener("bad"));
      client.request({ typeUrl: LDS });
      await take();
      fixture.set(listener("good", 2), listener("bad", 2));
      client.nack(await client.only(), "Error adding/updating listener(s) bad: invalid");
      const rest = await client.only();
      assert.deepEqual(rest.bytes.get("good"), Buffer.from(listener("good", 2).bytes));
      // In a full list the refused listener stands as it was, so that it is not deleted.
      const kept = protocol === "sotw" ? Buffer.from(listener("bad", 1).bytes) : undefined;
      assert.deepEqual(rest.bytes.get("bad"), kept);
      client.ack(rest);
      assert.deepEqual(await client.settle(), []);
      assert.equal(fixture.record.types.get(LDS)?.refused?.revision, 2);
    });

    test("a client that refuses everything for ever is not pushed for ever", async () => {
      fixture.set(listener("a"), listener("b"), listener("c"));
      client.request({ typeUrl: LDS });
      let refusals = 0;
      for (let round = 0; round < 10; round++) {
        for (const response of await client.settle()) {
          refusals += 1;
          client.nack(response, "a: always");
        }
        fixture.clock.advance(RETRY_MS);
      }
      assert.ok(refusals <= 6, `${refusals} pushes`);
      assert.deepEqual(await client.settle(), []);
    });

    test("routes that name a refused new cluster stay as they are, others move on", async () => {
      fixture.set(edsCluster("a"), assignment("a"), routeTo("r1", "a"), routeTo("r2", "a"));
      client.request({ typeUrl: CDS });
      await take();
      client.request({ typeUrl: EDS, names: ["a"] });
      await take();
      client.request({ typeUrl: RDS, names: ["r1", "r2"] });
      await take();
      fixture.clock.advance(5_000);
      await until(() => fixture.record.acknowledgedRevision === 1);
      fixture.set(
        edsCluster("a"),
        assignment("a"),
        edsCluster("bad"),
        assignment("bad"),
        routeTo("r1", "bad"),
        routeTo("r2", "other"),
      );
      client.nack(await client.only(), "bad: unknown field");
      const moved = await client.only();
      assert.equal(moved.typeUrl, RDS);
      assert.deepEqual(moved.names, ["r2"]);
      client.ack(moved);
      assert.deepEqual(await client.settle(), []);
      assert.equal(fixture.record.acknowledgedRevision, 1);
      fixture.set(
        edsCluster("a"),
        assignment("a"),
        edsCluster("bad", 2),
        assignment("bad"),
        routeTo("r1", "bad"),
        routeTo("r2", "other"),
      );
      const fixed = await client.only();
      assert.equal(fixed.typeUrl, CDS);
      client.ack(fixed);
      const seen: string[] = [];
      for (let responses = await client.settle(); responses.length > 0; ) {
        for (const response of responses) {
          seen.push(`${response.typeUrl === EDS ? "EDS" : "RDS"} ${response.names}`);
          client.ack(response);
        }
        responses = await client.settle();
      }
      assert.deepEqual(seen, ["EDS bad", "RDS r1"]);
      assert.equal(fixture.record.acknowledgedRevision, 3);
    });

    test("clusters stay as long as a refused route leaves an old one in use", async () => {
      fixture.set(edsCluster("old"), routeTo("r", "old"));
      client.request({ typeUrl: CDS });
      await take();
      client.request({ typeUrl: RDS, names: ["r"] });
      await take();
      fixture.set(edsCluster("new"), routeTo("r", "new"));
      const clusters = await client.only();
      assert.deepEqual(clusters.removed, []);
      client.ack(clusters);
      client.nack(await client.only(), "r: no");
      assert.deepEqual(await client.settle(), [], "old is still in use");
      fixture.set(edsCluster("new"), edsCluster("newer"), routeTo("r", "newer"));
      const more = await client.only();
      assert.equal(more.typeUrl, CDS, "additions go on");
      client.ack(more);
      const routes = await client.only();
      client.ack(routes);
      const removal = await client.only();
      assert.equal(removal.typeUrl, CDS);
      const want = protocol === "delta" ? [] : ["new", "newer"];
      assert.deepEqual(removal.names, want);
      client.ack(removal);
      await client.settle();
      assert.equal(fixture.record.types.get(CDS)?.acknowledged?.revision, 3);
    });

    test("a refused change of a cluster that the proxy has does not hold up its routes", async () => {
      fixture.set(edsCluster("a"), assignment("a"), routeTo("r", "x"));
      client.request({ typeUrl: CDS });
      await take();
      client.request({ typeUrl: RDS, names: ["r"] });
      await take();
      fixture.set(edsCluster("a", 2), assignment("a"), routeTo("r", "a"));
      client.nack(await client.only(), "a: no");
      assert.equal((await client.only()).typeUrl, RDS);
    });

    test("only error_detail makes a refusal: an acknowledgement with another version is none", async () => {
      fixture.set(listener("l"));
      client.request({ typeUrl: LDS });
      const response = await client.only();
      client.request({ typeUrl: LDS, nonce: response.nonce, version: "something else" });
      await client.settle();
      assert.equal(fixture.record.acknowledgedRevision, 1);
      assert.equal(fixture.refused.length, 0);
    });
  });
}
