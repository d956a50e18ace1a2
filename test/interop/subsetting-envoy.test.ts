/**
 * What translation makes of subsetting, in our sidecar and in a real Envoy: ours uses a part of the endpoints, Envoy, which
 * has no such policy, goes on to the one after it and uses all, and can print its configuration.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type JsonObject, toJson } from "@bufbuild/protobuf";
import { LoadBalancingPolicySchema } from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import { defaultMeshConfigSpec } from "../../src/resource/kinds/mesh-config.ts";
import { translateLoadBalancer } from "../../src/translate/load-balancing-policy.ts";
import { ask, type BalancingProxy, ourBootstrap, portServers } from "../support/balancing-pair.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { routeTo } from "../support/proxy-bootstrap.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { startStaticEnvoy } from "../support/static-envoy.ts";
import { xdsRegistry } from "../support/xds-json.ts";

const envoy = await envoyOrSkip();

const COUNT = 12;
const SIZE = 4;

async function answering(proxy: BalancingProxy): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let i = 0; i < 3 * COUNT; i++) found.add((await ask(proxy, "/")).body);
  return found;
}

test("our sidecar uses a part, Envoy all", { skip: envoy.skip ?? false }, async (context) => {
  const endpoints = (await portServers(context, COUNT)).map(({ port }) => port);
  const { loadBalancer } = defaultMeshConfigSpec().defaults;
  const algorithm = "RoundRobin" as const;
  const policy = translateLoadBalancer({ ...loadBalancer, algorithm, subsetting: { size: SIZE } });
  const json = toJson(LoadBalancingPolicySchema, policy, {
    registry: xdsRegistry(),
    useProtoFieldName: true,
  });
  const bootstrap = ourBootstrap({
    clusters: [{ name: "app", endpoints, fields: { load_balancing_policy: json } }],
    routes: [routeTo("app")],
  });
  const ours = await ProxyProcess.start(context, bootstrap);
  assert.equal((await answering({ port: ours.port("main") })).size, SIZE);

  const theirs = await startStaticEnvoy(envoy.path!, bootstrap["static_resources"] as JsonObject);
  context.after(() => theirs.stop());
  assert.equal((await answering({ port: theirs.portOf("main") })).size, COUNT);
  assert.match(await theirs.admin("/config_dump"), /RandomSubsetting.*RoundRobin/s);
});
