/** Delta ADS against a client that says each message by hand: the traps of the protocol. */
import assert from "node:assert/strict";
import test, { afterEach, beforeEach, describe } from "node:test";
import { AdsServerFixture } from "../../test/support/ads-server-fixture.ts";
import type { RawAdsClient } from "../../test/support/raw-ads-client.ts";
import { until } from "../../test/support/until.ts";
import {
  assignment,
  edsCluster,
  listener,
  routeTo,
  secret,
} from "../../test/support/xds-resources.ts";
import { encodedResource } from "./snapshot.ts";
import {
  CLUSTER_TYPE_URL as CDS,
  EXTENSION_TYPE_URL as ECDS,
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  ROUTE_TYPE_URL as RDS,
  SECRET_TYPE_URL as SDS,
} from "./type-urls.ts";

let fixture: AdsServerFixture;
let client: RawAdsClient;

beforeEach(async () => {
  fixture = await new AdsServerFixture().listen();
  client = fixture.connect("delta");
});
afterEach(() => fixture.stop());

/** Acknowledges the only response and waits until the server knows it. */
async function take(): Promise<ReturnType<RawAdsClient["only"]>> {
  const response = await client.only();
  client.ack(response);
  await client.settle();
  return response;
}

describe("requests and responses", () => {
  test("only what changed is sent, with the versions of the resources", async () => {
    fixture.set(listener("l1"), listener("l2"), listener("l3"));
    client.request({ typeUrl: LDS });
    const first = await take();
    assert.deepEqual(first.names, ["l1", "l2", "l3"]);
    assert.equal(first.versions["l1"], listener("l1").version);
    fixture.set(listener("l1"), listener("l2", 2), listener("l4"));
    const second = await take();
    assert.deepEqual(second.names, ["l2", "l4"]);
    assert.deepEqual(second.removed, ["l3"]);
    assert.equal(fixture.record.acknowledgedRevision, 2);
  });

  test("an acknowledgement is not answered", async () => {
    fixture.set(listener("l"));
    client.request({ typeUrl: LDS });
    await take();
    assert.deepEqual(await client.settle(), []);
  });

  test("a client that starts from nothing is told when there is nothing", async () => {
    fixture.set();
    client.request({ typeUrl: CDS });
    const response = await take();
    assert.equal(response.typeUrl, CDS);
    assert.deepEqual([...response.names, ...response.removed], []);
  });

  test("a stale nonce is no acknowledgement, but its subscriptions count", async () => {
    fixture.set(assignment("a"), assignment("b"));
    client.request({ typeUrl: EDS, names: ["a"] });
    const first = await take();
    fixture.set(assignment("a", 2), assignment("b"));
    const second = await client.only();
    client.request({ typeUrl: EDS, names: ["b"], nonce: first.nonce });
    assert.deepEqual(await client.settle(), [], "the response in flight is still unanswered");
    client.ack(second);
    assert.deepEqual((await client.only()).names, ["b"]);
  });

  test("requests without a nonce may come at any time", async () => {
    fixture.set(assignment("a"), assignment("b"));
    client.request({ typeUrl: EDS, names: ["a"] });
    await take();
    client.request({ typeUrl: EDS, names: ["b"] });
    assert.deepEqual((await take()).names, ["b"]);
  });
});

describe("subscriptions", () => {
  test("names asked for again are sent although the client has them", async () => {
    fixture.set(assignment("a"), assignment("b"));
    client.request({ typeUrl: EDS, names: ["a", "b"] });
    await take();
    client.request({ typeUrl: EDS, names: ["a"] });
    assert.deepEqual((await take()).names, ["a"]);
  });

  test("an unsubscription is not answered, and a superfluous one is ignored", async () => {
    fixture.set(assignment("a"));
    client.request({ typeUrl: EDS, names: ["a"] });
    await take();
    client.request({ typeUrl: EDS, unsubscribe: ["a", "never had"] });
    assert.deepEqual(await client.settle(), []);
    fixture.set(assignment("a", 2));
    assert.deepEqual(await client.settle(), []);
    client.request({ typeUrl: EDS, names: ["a"] });
    assert.deepEqual((await take()).names, ["a"]);
  });

  test("adding a name keeps the wildcard", async () => {
    fixture.set(edsCluster("a"), edsCluster("b"));
    client.request({ typeUrl: CDS });
    await take();
    client.request({ typeUrl: CDS, names: ["a"] });
    await take();
    fixture.set(edsCluster("a"), edsCluster("b", 2));
    assert.deepEqual((await take()).names, ["b"]);
  });

  test("under the wildcard an unsubscription says whether the name is still covered", async () => {
    fixture.set(edsCluster("a"));
    client.request({ typeUrl: CDS, names: ["*", "a", "gone"] });
    const first = await take();
    assert.deepEqual(first.names, ["a"]);
    assert.deepEqual(first.removed, ["gone"]);
    client.request({ typeUrl: CDS, unsubscribe: ["a", "gone"] });
    const answer = await take();
    assert.deepEqual(answer.names, ["a"]);
    assert.deepEqual(answer.removed, ["gone"]);
  });

  test("giving up the wildcard leaves the named resources", async () => {
    fixture.set(edsCluster("a"), edsCluster("b"));
    client.request({ typeUrl: CDS, names: ["*", "a"] });
    await take();
    client.request({ typeUrl: CDS, unsubscribe: ["*"] });
    assert.deepEqual(await client.settle(), []);
    fixture.set(edsCluster("a"), edsCluster("b", 2));
    assert.deepEqual(await client.settle(), []);
    client.request({ typeUrl: CDS, unsubscribe: ["a"] });
    await client.settle();
    fixture.set(edsCluster("a", 2), edsCluster("b", 2));
    assert.deepEqual(await client.settle(), [], "an empty set of names is not the wildcard");
    client.request({ typeUrl: CDS, names: ["*"] });
    assert.deepEqual((await take()).names, ["a", "b"]);
  });

  test("a name that does not exist is removed at once and sent when it appears", async () => {
    fixture.set();
    client.request({ typeUrl: RDS, names: ["r"] });
    assert.deepEqual((await take()).removed, ["r"]);
    assert.deepEqual(await client.settle(), [], "said once");
    fixture.set(routeTo("r", "c"));
    assert.deepEqual((await take()).names, ["r"]);
  });

  test("endpoints that do not exist are an empty assignment, later filled", async () => {
    fixture.set();
    client.request({ typeUrl: EDS, names: ["e"] });
    const empty = await take();
    assert.deepEqual(empty.names, ["e"]);
    assert.deepEqual(empty.removed, []);
    fixture.set(assignment("e"));
    assert.deepEqual((await take()).bytes.get("e"), Buffer.from(assignment("e").bytes));
  });

  test("endpoints that vanish under their cluster become an empty assignment", async () => {
    fixture.set(edsCluster("c"), assignment("c"));
    client.request({ typeUrl: CDS });
    await take();
    client.request({ typeUrl: EDS, names: ["c"] });
    await take();
    fixture.set(edsCluster("c"));
    const empty = await take();
    assert.deepEqual(empty.removed, []);
    assert.equal(empty.versions["c"], "empty");
    assert.deepEqual(await client.settle(), []);
  });

  test("extension configurations are never removed", async () => {
    const extension = encodedResource({ typeUrl: ECDS, name: "x", bytes: Buffer.from("\n\x01x") });
    fixture.set(extension);
    client.request({ typeUrl: ECDS, names: ["x"] });
    assert.deepEqual((await take()).names, ["x"]);
    fixture.set();
    assert.deepEqual(await client.settle(), []);
    assert.equal(fixture.record.types.get(ECDS)?.acknowledged?.revision, 2);
  });
});

describe("reconnect", () => {
  test("what the client has is not sent again, what changed is, what is gone is removed", async () => {
    fixture.set(listener("same"), listener("changed", 2), listener("new"));
    client.request({
      typeUrl: LDS,
      initial: {
        same: listener("same").version,
        changed: listener("changed", 1).version,
        gone: listener("gone").version,
      },
    });
    const response = await take();
    assert.deepEqual(response.names.toSorted(), ["changed", "new"]);
    assert.deepEqual(response.removed, ["gone"]);
  });

  test("a client that has everything is left alone", async () => {
    fixture.set(listener("l"));
    client.request({ typeUrl: LDS, names: ["*", "l"], initial: { l: listener("l").version } });
    assert.deepEqual(await client.settle(), []);
    assert.equal(fixture.record.types.get(LDS)?.acknowledged?.revision, 1);
  });

  test("a revision counts as acknowledged when all that the client comes back for is checked", async () => {
    fixture.set(listener("l"), routeTo("r", "new"));
    client.request({ typeUrl: CDS, initial: { gone: "1" } });
    client.request({ typeUrl: LDS, initial: { l: listener("l").version } });
    await client.settle();
    assert.equal(fixture.record.acknowledgedRevision, undefined, "it may still ask for routes");
    client.request({ typeUrl: RDS, names: ["r"], initial: { r: routeTo("r", "old").version } });
    client.ack(await client.only());
    assert.deepEqual((await take()).removed, ["gone"]);
    await until(() => fixture.record.acknowledgedRevision === 1);
  });

  test("a client that asks for neither listeners nor routes is complete after a while", async () => {
    fixture.set(assignment("e"));
    client.request({ typeUrl: EDS, names: ["e"] });
    await take();
    assert.equal(fixture.record.acknowledgedRevision, undefined);
    fixture.clock.advance(5_000);
    await until(() => fixture.record.acknowledgedRevision === 1);
  });

  test("names that the client has but does not ask for are removed when they are gone", async () => {
    fixture.set(routeTo("r", "c"));
    client.request({ typeUrl: RDS, names: ["r"], initial: { r: "older", leaked: "1" } });
    const response = await take();
    assert.deepEqual(response.names, ["r"]);
    assert.deepEqual(response.removed, ["leaked"]);
  });

  test("endpoints and secrets are sent even if unchanged: their clusters may be warming", async () => {
    fixture.set(assignment("e"), secret("s"));
    client.request({ typeUrl: EDS, names: ["e"], initial: { e: assignment("e").version } });
    assert.deepEqual((await take()).names, ["e"]);
    client.request({ typeUrl: SDS, names: ["s"], initial: { s: secret("s").version } });
    assert.deepEqual((await take()).names, ["s"]);
  });

  test("clusters that are gone stay until the routes that used them are replaced", async () => {
    fixture.set(edsCluster("new"), assignment("new"), routeTo("r", "new"), listener("l"));
    const old = edsCluster("old");
    client.request({ typeUrl: CDS, initial: { old: old.version } });
    client.request({ typeUrl: EDS, names: ["old"], initial: { old: assignment("old").version } });
    client.request({ typeUrl: LDS, initial: { l: listener("l").version } });
    client.request({ typeUrl: RDS, names: ["r"], initial: { r: routeTo("r", "old").version } });
    const clusters = await client.only();
    assert.deepEqual(clusters.names, ["new"]);
    assert.deepEqual(clusters.removed, []);
    client.request({ typeUrl: EDS, names: ["new"] });
    client.ack(clusters);
    const endpoints = await client.only();
    assert.deepEqual(endpoints.names, ["new"]);
    client.ack(endpoints);
    const routes = await client.only();
    assert.deepEqual(routes.names, ["r"]);
    client.ack(routes);
    const removal = await client.only();
    assert.equal(removal.typeUrl, CDS);
    assert.deepEqual(removal.removed, ["old"]);
  });

  test("a client that only wants clusters has them removed after a while", async () => {
    fixture.set(edsCluster("c"));
    client.request({ typeUrl: CDS, initial: { c: edsCluster("c").version, gone: "1" } });
    assert.deepEqual(await client.settle(), []);
    fixture.clock.advance(5_000);
    assert.deepEqual((await take()).removed, ["gone"]);
  });
});

test("a type of someone else's has the wildcard and no order", async () => {
  const typeUrl = "type.googleapis.com/istio.workload.Address";
  fixture.set(encodedResource({ typeUrl, name: "10.0.0.1", bytes: Buffer.from("\n\x01x") }));
  client.request({ typeUrl });
  assert.deepEqual((await take()).names, ["10.0.0.1"]);
  client.request({ typeUrl, names: ["host"] });
  assert.deepEqual((await take()).removed, ["host"]);
});
