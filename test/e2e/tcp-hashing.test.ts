/** Opaque TCP by the client's address, as people ask for it: a TrafficPolicy, a control plane and real sidecars. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { CatalogMesh } from "./catalog-mesh.ts";

const REPLICAS = 3;
const APP = `
require("node:net").createServer((socket) => {
  socket.on("error", (error) => console.log("broken: " + error.message));
  socket.end(process.env.TULLE_INSTANCE);
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

let mesh: CatalogMesh;

before(async () => {
  const port = { port: "tcp=auto", replicas: REPLICAS };
  mesh = await CatalogMesh.start({ name: "hashed", app: APP, services: { catalog: port } });
});

after(() => mesh?.remove());

/** The instance that answers a client at this address. */
async function instanceFor(localAddress: string): Promise<string> {
  return await text(connect({ ...(await mesh.addressOf("catalog")), localAddress }));
}

test("a client's address keeps an instance, and addresses are spread", async () => {
  for (const algorithm of ["RingHash", "Maglev"]) {
    await mesh.apply({
      apiVersion: "mesh.tulle.dev/v1",
      kind: "TrafficPolicy",
      metadata: { name: "by-address" },
      spec: {
        targetRefs: [{ kind: "Service", name: "catalog" }],
        loadBalancer: { algorithm, consistentHash: [{ sourceAddress: true }] },
      },
    });
    const instances = new Set<string>();
    for (let i = 2; i < 32; i++) {
      const instance = await instanceFor(`127.0.0.${i}`);
      assert.notEqual(instance, "");
      assert.equal(await instanceFor(`127.0.0.${i}`), instance, algorithm);
      instances.add(instance);
    }
    assert.equal(instances.size, REPLICAS, algorithm);
  }
});
