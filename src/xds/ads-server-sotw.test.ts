/** State-of-the-world ADS against a client that says each message by hand: the traps of the protocol. */
import assert from "node:assert/strict";
import test, { afterEach, beforeEach, describe } from "node:test";
import { status } from "@grpc/grpc-js";
import { AdsServerFixture } from "../../test/support/ads-server-fixture.ts";
import type { RawAdsClient } from "../../test/support/raw-ads-client.ts";
import {
  assignment,
  edsCluster,
  listener,
  routeTo,
  secret,
} from "../../test/support/xds-resources.ts";
import {
  CLUSTER_TYPE_URL as CDS,
  ENDPOINT_TYPE_URL as EDS,
  LISTENER_TYPE_URL as LDS,
  ROUTE_TYPE_URL as RDS,
  SECRET_TYPE_URL as SDS,
} from "./type-urls.ts";

let fixture: AdsServerFixture;
let client: RawAdsClient;

beforeEach(async () => {
  fixture = await new AdsServerFixture().listen();
  client = fixture.connect("sotw");
});
afterEach(() => fixture.stop());

describe("requests and responses", () => {
  test("the first request is answered in full, also when it claims the current version", async () => {
    fixture.set(listener("l1"), listener("l2"));
    client.request({ typeUrl: LDS });
    const response = await client.only();
    assert.deepEqual(response.names, ["l1", "l2"]);

    const again = fixture.connect("sotw");
    again.request({ typeUrl: LDS, version: response.version });
    const full = await again.only();
    assert.deepEqual(full.names, ["l1", "l2"]);
    assert.equal(full.version, response.version, "a version belongs to the set, not to the stream");
  });

  test("a client that comes back hears that what it refused is gone, though nobody knows what it has", async () => {
    fixture.set(listener("l", 2));
    client.request({ typeUrl: LDS, version: "of another stream" });
    client.nack(await client.only(), "l: refused");
    assert.deepEqual(await client.settle(), [], "the older listener is worth more than none");
    fixture.set();
    const gone = await client.only();
    assert.deepEqual(gone.names, []);
    client.ack(gone);
    fixture.set();
    assert.deepEqual(await client.settle(), []);
  });

  test("a first request with an old nonce and another version is answered too", async () => {
    fixture.set(routeTo("r", "c"));
    client.request({ typeUrl: RDS, names: ["r"], nonce: "77", version: "of another server" });
    assert.deepEqual((await client.only()).names, ["r"]);
  });

  test("an acknowledgement is not answered", async () => {
    fixture.set(listener("l"));
    client.request({ typeUrl: LDS });
    client.ack(await client.only());
    assert.deepEqual(await client.settle(), []);
    assert.equal(fixture.record.acknowledgedRevision, 1);
  });

  test("the same content under a new revision is not sent, and counts as acknowledged", async () => {
    fixture.set(listener("l"));
    client.request({ typeUrl: LDS });
    client.ack(await client.only());
    await client.settle();
    fixture.set(listener("l"));
    assert.deepEqual(await client.settle(), []);
    assert.equal(fixture.record.acknowledgedRevision, 2);
    assert.equal(fixture.record.types.get(LDS)?.acknowledged?.revision, 2);
    assert.deepEqual(fixture.acknowledged, [1, 2]);
  });

  test("nothing is answered before there is a snapshot", async () => {
    client.request({ typeUrl: LDS });
    const response = client.next();
    client.request({ typeUrl: CDS });
    while (fixture.peers.length === 0) await new Promise(setImmediate);
    fixture.set(listener("l"));
    assert.ok([LDS, CDS].includes((await response).typeUrl));
  });

  test("an empty set of listeners or clusters is said, so that the client can go on", async () => {
    fixture.set();
    client.request({ typeUrl: CDS });
    const response = await client.only();
    assert.equal(response.typeUrl, CDS);
    assert.deepEqual(response.names, []);
  });

  test("a request about an older response is stale", async () => {
    fixture.set(assignment("a"), assignment("b"));
    client.request({ typeUrl: EDS, names: ["a"] });
    const first = await client.only();
    client.ack(first);
    await client.settle();
    fixture.set(assignment("a", 2), assignment("b"));
    const second = await client.only();
    client.request({ typeUrl: EDS, names: ["a", "b"], nonce: first.nonce });
    assert.deepEqual(await client.settle(), [], "not answered, not taken as an acknowledgement");
    assert.equal(fixture.record.types.get(EDS)?.acknowledged?.revision, 1);
    client.request({ typeUrl: EDS, names: ["a", "b"], nonce: second.nonce });
    assert.deepEqual((await client.only()).names, ["b"]);
  });

  test("an empty nonce in mid-stream starts over and is answered in full", async () => {
    fixture.set(assignment("a"));
    client.request({ typeUrl: EDS, names: ["a"] });
    client.ack(await client.only());
    client.request({ typeUrl: EDS, names: ["a"] });
    assert.deepEqual((await client.only()).names, ["a"]);
  });

  test("a second request before the first answer came is not lost", async () => {
    fixture.set(assignment("a"), assignment("b"));
    client.request({ typeUrl: EDS, names: ["a"] });
    client.request({ typeUrl: EDS, names: ["a", "b"] });
    const first = await client.only();
    assert.deepEqual(first.names, ["a"]);
    client.ack(first);
    assert.deepEqual((await client.only()).names, ["a", "b"]);
  });
});

describe("subscriptions", () => {
  test("LDS and CDS list everything; EDS and RDS only what changed", async () => {
    fixture.set(listener("l1"), listener("l2"), assignment("a"), assignment("b"));
    client.request({ typeUrl: LDS });
    client.ack(await client.only());
    client.request({ typeUrl: EDS, names: ["a", "b"] });
    client.ack(await client.only());
    await client.settle();
    fixture.set(listener("l1"), listener("l2", 2), assignment("a", 2), assignment("b"));
    const [endpoints, listeners] = await client.settle();
    assert.deepEqual(endpoints?.names, ["a"]);
    assert.deepEqual(listeners?.names, ["l1", "l2"]);
  });

  test("a listener that is gone is left out", async () => {
    fixture.set(listener("l1"), listener("l2"));
    client.request({ typeUrl: LDS });
    client.ack(await client.only());
    fixture.set(listener("l2"));
    assert.deepEqual((await client.only()).names, ["l2"]);
  });

  test("additions are answered with what is new, removals are not answered", async () => {
    fixture.set(assignment("a"), assignment("b"));
    client.request({ typeUrl: EDS, names: ["a"] });
    const first = await client.only();
    client.ack(first);
    client.request({ typeUrl: EDS, names: ["a", "b"], nonce: first.nonce });
    const second = await client.only();
    assert.deepEqual(second.names, ["b"]);
    client.request({ typeUrl: EDS, names: ["b"], nonce: second.nonce });
    assert.deepEqual(await client.settle(), []);
  });

  test("a name given up and asked for again is sent again", async () => {
    fixture.set(assignment("a"), assignment("b"));
    client.request({ typeUrl: EDS, names: ["a", "b"] });
    const first = await client.only();
    client.request({ typeUrl: EDS, names: ["b"], nonce: first.nonce });
    client.request({ typeUrl: EDS, names: ["a", "b"], nonce: first.nonce });
    assert.deepEqual((await client.only()).names, ["a"]);
  });

  test("an empty list after names means nothing, not everything", async () => {
    fixture.set(listener("l1"), listener("l2"));
    client.request({ typeUrl: LDS, names: ["l1"] });
    const first = await client.only();
    assert.deepEqual(first.names, ["l1"]);
    client.request({ typeUrl: LDS, names: [], nonce: first.nonce });
    assert.deepEqual(await client.settle(), []);
    fixture.set(listener("l1", 2), listener("l2", 2));
    assert.deepEqual(await client.settle(), []);
  });

  test("the wildcard is given up by leaving out the star", async () => {
    fixture.set(edsCluster("a"), edsCluster("b"));
    client.request({ typeUrl: CDS, names: ["*"] });
    const first = await client.only();
    client.request({ typeUrl: CDS, names: ["a"], nonce: first.nonce });
    await client.settle();
    fixture.set(edsCluster("a"), edsCluster("b", 2));
    assert.deepEqual(await client.settle(), []);
    fixture.set(edsCluster("a", 2), edsCluster("b", 2));
    assert.deepEqual((await client.only()).names, ["a"]);
  });

  test("a named listener that does not exist is reported missing and sent when it appears", async () => {
    fixture.set(listener("other"));
    client.request({ typeUrl: LDS, names: ["svc:80"] });
    const empty = await client.only();
    assert.deepEqual(empty.names, []);
    client.ack(empty);
    fixture.set(listener("other"), listener("svc:80"));
    assert.deepEqual((await client.only()).names, ["svc:80"]);
  });

  test("a secret that does not exist is sent when it appears", async () => {
    fixture.set();
    client.request({ typeUrl: SDS, names: ["ROOTCA"] });
    client.ack(await client.only());
    fixture.set(secret("ROOTCA"));
    assert.deepEqual((await client.only()).names, ["ROOTCA"]);
  });

  test("endpoints that do not exist are answered with an empty assignment", async () => {
    fixture.set();
    client.request({ typeUrl: EDS, names: ["nobody"] });
    const response = await client.only();
    assert.deepEqual(response.names, ["nobody"]);
    client.ack(response);
    assert.deepEqual(await client.settle(), []);
    fixture.set(assignment("nobody"));
    assert.deepEqual((await client.only()).names, ["nobody"]);
  });
});

describe("pushes", () => {
  test("one is in flight at a time and the newest snapshot wins", async () => {
    fixture.set(listener("l", 1));
    client.request({ typeUrl: LDS });
    const first = await client.only();
    for (let variant = 2; variant <= 50; variant++) fixture.set(listener("l", variant));
    assert.deepEqual(await client.settle(), [], "nothing queues up behind an unanswered response");
    client.ack(first);
    const second = await client.only();
    assert.deepEqual(second.bytes.get("l"), Buffer.from(listener("l", 50).bytes));
    client.ack(second);
    assert.deepEqual(await client.settle(), []);
    assert.equal(fixture.record.acknowledgedRevision, 50);
  });

  test("endpoints and secrets are sent again with a changed cluster, without being asked", async () => {
    fixture.set(edsCluster("c"), assignment("c"));
    client.request({ typeUrl: CDS });
    const clusters = await client.only();
    client.request({ typeUrl: EDS, names: ["c"] });
    client.ack(clusters);
    client.ack(await client.only());
    await client.settle();
    fixture.set(edsCluster("c", 2), assignment("c"));
    const [changed, again] = await client.settle();
    assert.equal(changed?.typeUrl, CDS);
    assert.equal(again?.typeUrl, EDS);
    assert.deepEqual(again.names, ["c"]);
  });

  test("unchanged clusters of a full response do not drag their endpoints along", async () => {
    fixture.set(edsCluster("c"), edsCluster("d"), assignment("c"), assignment("d"));
    client.request({ typeUrl: CDS });
    const clusters = await client.only();
    client.request({ typeUrl: EDS, names: ["c", "d"] });
    client.ack(clusters);
    client.ack(await client.only());
    await client.settle();
    fixture.set(edsCluster("c", 2), edsCluster("d"), assignment("c"), assignment("d"));
    const [changed, again] = await client.settle();
    assert.deepEqual(changed?.names, ["c", "d"]);
    assert.deepEqual(again?.names, ["c"]);
  });
});

describe("streams", () => {
  test("the node of the first request is kept", async () => {
    fixture.set(listener("l"));
    client.request({ typeUrl: LDS });
    client.request({ typeUrl: CDS, node: false });
    await client.settle();
    assert.deepEqual(
      fixture.peers.map(({ node }) => node.id),
      ["raw"],
    );
  });

  test("a first request without a node is refused", async () => {
    client.request({ typeUrl: LDS, node: false });
    const end = await client.status;
    assert.equal(end.code, status.INVALID_ARGUMENT);
    assert.match(end.details, /node/);
  });

  test("the control plane can refuse a proxy with a status of its own", async () => {
    const details = "node metadata disagrees with the certificate";
    fixture.decision = { accepted: false, code: status.PERMISSION_DENIED, details };
    client.request({ typeUrl: LDS });
    const end = await client.status;
    assert.equal(end.code, status.PERMISSION_DENIED);
    assert.equal(end.details, details);
    assert.equal(fixture.disconnected.length, 0, "what never connected cannot disconnect");
  });

  test("a request without a type is refused", async () => {
    client.request({ typeUrl: "" });
    assert.equal((await client.status).code, status.INVALID_ARGUMENT);
  });

  test("a client that asks for ever more types is cut off", async () => {
    fixture.set();
    for (let index = 0; index <= 64; index++) client.request({ typeUrl: `type/${index}` });
    assert.equal((await client.status).code, status.RESOURCE_EXHAUSTED);
  });

  test("closeAll ends every stream so that clients come back, and reports each once", async () => {
    fixture.set(listener("l"));
    client.request({ typeUrl: LDS });
    client.ack(await client.only());
    await client.settle();
    const gone = fixture.nextDisconnect();
    fixture.ads.closeAll();
    assert.equal((await client.status).code, status.UNAVAILABLE);
    await gone;
    fixture.ads.closeAll();
    assert.equal(fixture.disconnected.length, 1);
    assert.equal(fixture.disconnected[0]?.record.acknowledgedRevision, 1);
  });

  test("a client that vanishes is reported", async () => {
    fixture.set(listener("l"));
    client.request({ typeUrl: LDS });
    await client.settle();
    const gone = fixture.nextDisconnect();
    client.close();
    await gone;
    assert.equal(fixture.ads.record(fixture.peers[0]?.id ?? ""), undefined);
  });
});
