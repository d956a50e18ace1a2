/** The rate limit service of a control plane on its port for proxies: who may ask, and what changes of policies do. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Client, type ServiceError } from "@grpc/grpc-js";
import { SHOULD_RATE_LIMIT_METHOD } from "../../src/control-plane/rate-limit/rate-limit-service.ts";
import { systemClock } from "../../src/core/clock.ts";
import {
  RateLimitRequestSchema,
  type RateLimitResponse,
} from "../../src/gen/envoy/service/ratelimit/v3/rls_pb.js";
import {
  type ChannelIdentity,
  createMeshChannelCredentials,
} from "../../src/identity/grpc-credentials.ts";
import { CLUSTER_TYPE_URL } from "../../src/xds/type-urls.ts";
import {
  callApi,
  StandInSidecar,
  startControlPlane,
  TRUST_DOMAIN,
  temporaryFolder,
} from "../support/control-plane-fixture.ts";

const CONTROL_PLANE_ID = `spiffe://${TRUST_DOMAIN}/ns/tulle-system/sa/control-plane`;
const CLUSTER = "rate-limit.control-plane";

const policyWith = (requests: number) => ({
  apiVersion: "mesh.tulle.dev/v1",
  kind: "RateLimitPolicy",
  metadata: { name: "limits", namespace: "default" },
  spec: {
    targetRefs: [{ kind: "Service", name: "catalog" }],
    global: { rules: [{ name: "all", limit: { requests, burst: requests, unit: "Day" } }] },
  },
});

async function setUp(context: TestContext) {
  const folder = temporaryFolder();
  const controlPlane = await startControlPlane(folder.path);
  context.after(async () => {
    await controlPlane.stop(0);
    folder.remove();
  });
  const { file } = controlPlane;
  const sidecar = new StandInSidecar({ file, id: "catalog-1", service: "catalog", block: 300 });
  await sidecar.start();
  context.after(() => sidecar.stop());
  const clientFor = (getIdentity: () => ChannelIdentity): Client => {
    const expectedServerIds = [CONTROL_PLANE_ID];
    const options = { getIdentity, expectedServerIds, clock: systemClock };
    const client = new Client(file.xdsAddress, createMeshChannelCredentials(options));
    context.after(() => client.close());
    return client;
  };
  return { file, sidecar, clientFor };
}

function ask(client: Client): Promise<RateLimitResponse> {
  const { path, requestSerialize, responseDeserialize } = SHOULD_RATE_LIMIT_METHOD;
  const entries = [{ key: "rule", value: "all" }];
  const request = create(RateLimitRequestSchema, {
    domain: "default/limits",
    descriptors: [{ entries }],
  });
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      (error: ServiceError | null, response?: RateLimitResponse) =>
        response === undefined ? reject(error) : resolve(response),
    );
  });
}

test("proxies are told where to ask, and policies change what they are told", async (context) => {
  const { file, sidecar, clientFor } = await setUp(context);
  const client = clientFor(() => sidecar.agent.channelIdentity);
  assert.equal((await ask(client)).overallCode, 1, "no policy, no limit");
  const files = [{ name: "policy.yaml", text: JSON.stringify(policyWith(2)) }];
  const applied = await callApi(file, "POST", "/api/v1/apply", { body: { files, dryRun: false } });
  assert.equal(applied.status, 200, JSON.stringify(applied.body));
  await sidecar.until(() => sidecar.names(CLUSTER_TYPE_URL).includes(CLUSTER));
  const codes: number[] = [];
  for (let i = 0; i < 3; i++) codes.push((await ask(client)).overallCode);
  assert.deepEqual(codes, [1, 1, 2]);
});

test("who proves no identity of the mesh is told nothing", async (context) => {
  const { sidecar, clientFor } = await setUp(context);
  const { bundles } = sidecar.agent.channelIdentity;
  const stranger = clientFor(() => ({ svid: undefined, bundles }));
  await assert.rejects(
    ask(stranger),
    /UNAUTHENTICATED: a workload certificate of tulle\.local is needed/,
  );
});
