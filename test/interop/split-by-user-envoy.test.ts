/** A split by users: the same user goes to the same cluster as through a real Envoy (`use_hash_policy`). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ask, endpoint, portServers, startPair } from "../support/balancing-pair.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";

const envoy = await envoyOrSkip();

const USERS = Array.from({ length: 60 }, (_, index) => `user-${index * 7919}`);
const SHARES = [70, 30];

function split(prefix: string, hashPolicy: readonly JsonObject[]): JsonObject {
  const clusters = SHARES.map((weight, index) => ({ name: `v${index + 1}`, weight }));
  return {
    match: { prefix },
    route: {
      weighted_clusters: { clusters, use_hash_policy: true },
      hash_policy: [...hashPolicy],
    },
  };
}

test("each user stays where Envoy has them, by header and by cookie", envoy, async (context) => {
  const servers = await portServers(context, 2);
  const clusters = servers.map(({ port }, index) => ({
    name: `v${index + 1}`,
    endpoints: [endpoint(port)],
  }));
  const pair = await startPair(context, envoy.path!, {
    clusters,
    routes: [
      split("/header/", [{ header: { header_name: "x-user" }, terminal: true }]),
      split("/cookie/", [{ cookie: { name: "user" }, terminal: true }]),
    ],
  });
  for (const [path, headersOf] of [
    ["/header/", (user: string) => ({ "x-user": user })],
    ["/cookie/", (user: string) => ({ cookie: `a=1; user=${user}` })],
  ] as const) {
    let canaries = 0;
    for (const user of USERS) {
      const headers = headersOf(user);
      const [ours, theirs, again] = await Promise.all([
        ask(pair.ours, path, headers),
        ask(pair.envoy, path, headers),
        ask(pair.ours, path, headers),
      ]);
      assert.deepEqual([ours.status, ours.body], [theirs.status, theirs.body], `${path} ${user}`);
      assert.equal(again.body, ours.body);
      if (ours.body === String(servers[1]?.port)) canaries += 1;
    }
    // The hashes of these users are what they are: a share that is far off would be a wrong remainder.
    assert.ok(canaries > 8 && canaries < 30, `${canaries} of ${USERS.length} to v2`);
  }
  // Nobody known is nobody's: chance decides.
  const answers = new Set<string>();
  for (let turn = 0; turn < 40; turn++) answers.add((await ask(pair.ours, "/header/")).body);
  assert.equal(answers.size, 2);
});
