/** go-spiffe, the library that most apps use, against the Workload API of a sidecar. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { TulleHome } from "../e2e/tulle-process.ts";
import { GO_SPIFFE, goPeer } from "./go-peer.ts";

const APP = `
console.log("endpoint " + process.env.SPIFFE_ENDPOINT_SOCKET + ".");
setInterval(() => {}, 60_000);
process.on("SIGTERM", () => process.exit(0));
`;
const ID = "spiffe://tulle.local/ns/default/sa/catalog";

const { folder, skip } = await goPeer(GO_SPIFFE);

test("certificates, tokens, bundles and TLS by go-spiffe", { skip }, async () => {
  const home = await TulleHome.create();
  try {
    await writeFile(join(home.path, "app.js"), APP);
    const services = { catalog: { command: ["node", "app.js"], workloadApi: true } };
    await writeFile(join(home.path, "mesh.yaml"), JSON.stringify({ mesh: "go", services }));
    const up = home.start(["up"]);
    const [, endpoint = ""] = await up.waitFor(/endpoint (\S+)\./);
    const env = { ...process.env, SPIFFE_ENDPOINT_SOCKET: endpoint };
    const document = [join(home.path, "go", "trust-bundle.json"), "tulle.local"];
    const { stdout } = await promisify(execFile)(
      join(folder, "go-spiffe"),
      ["orders", ...document],
      {
        env,
      },
    );
    const { documentRoots, documentKeys, sequence, ...seen } = JSON.parse(stdout);
    assert.deepEqual(seen, {
      ...{ id: ID, tokenId: ID, validatedId: ID, peerId: ID },
      ...{ bundles: ["tulle.local"], jwtBundles: ["tulle.local"] },
    });
    assert.deepEqual([documentRoots, documentKeys, sequence], [1, 1, 1]);
  } finally {
    await home.remove();
  }
});
