/**
 * A gateway whose SecurityPolicy cannot be translated, which is a defect of ours: nobody gets past it without the login
 * that was asked for. The gateway is a process that runs what the control plane would give it.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { translateIsolated } from "../../src/control-plane/fault-isolation.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createTestAuthority, issueTestSvid } from "../../src/identity/certificate-fixtures.ts";
import type { ProxyScope } from "../../src/translate/mesh-snapshot.ts";
import { spiffeId } from "../../src/translate/names.ts";
import { translateProxy } from "../../src/translate/translate.ts";
import { freePort } from "../support/free-port.ts";
import { snapshotOf, TEST_SCOPE, TEST_TRUST_DOMAIN } from "../support/mesh-fixture.ts";
import { ProxyProcess } from "../support/proxy-process.ts";
import { staticBootstrap } from "../support/static-bootstrap.ts";

const SCOPE: ProxyScope = {
  ...TEST_SCOPE,
  address: "127.0.0.1",
  role: "gateway",
  gateway: "shop",
  ports: [],
};

function mesh(port: number, app: number, target: string): string {
  return `
apiVersion: mesh.tulle.dev/v1
kind: MeshConfig
metadata: {name: default}
spec: {accessLog: {enabled: true}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shop}
spec: {listeners: [{name: http, port: ${port}, protocol: HTTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: catalog}
spec: {selector: {app: catalog}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata: {name: catalog-1, labels: {app: catalog}}
spec: {serviceAccount: catalog, address: 127.0.0.1, ports: [{name: http, port: ${app}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: open}
spec: {parentRefs: [{name: shop}], rules: [{backendRefs: [{name: catalog, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: members}
spec:
  parentRefs: [{name: shop}]
  rules: [{matches: [{path: {value: /members}}], backendRefs: [{name: catalog, port: 80}]}]
---
apiVersion: mesh.tulle.dev/v1
kind: SecurityPolicy
metadata: {name: staff}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, ${target}}]
  oidc:
    provider:
      issuer: https://login.example
      authorizationEndpoint: https://login.example/auth
      tokenEndpoint: https://login.example/token
    clientID: shop
    clientSecretFile: /etc/shop/oidc-secret
`;
}

async function startGateway(context: TestContext, target: string) {
  const app = createServer((_, response) => response.end("catalog"));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  context.after(() => app.close());
  const port = await freePort();
  const text = mesh(port, (app.address() as AddressInfo).port, target);
  const { value, faults } = translateIsolated(
    snapshotOf(text, "mesh.yaml"),
    undefined,
    (snapshot) => {
      // The defect.
      if (JSON.stringify(snapshot.securityPolicies).includes("login.example"))
        throw new Error("beyond me");
      return translateProxy(snapshot, SCOPE);
    },
  );
  assert.deepEqual(
    faults.map(({ object, inForce }) => [object.kind, inForce]),
    [["SecurityPolicy", "closed"]],
  );
  const { authority } = createTestAuthority(TEST_TRUST_DOMAIN, systemClock);
  const svid = issueTestSvid(authority, spiffeId(TEST_TRUST_DOMAIN, "default", "shop"));
  const own = { certificatePem: svid.certificateChainPem, privateKeyPem: svid.privateKeyPem };
  const gateway = await ProxyProcess.start(context, staticBootstrap(value, SCOPE.nodeId, own));
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual" });
    return [answer.status, await answer.text()] as const;
  };
  return { ask, gateway };
}

test("where the whole gateway asks for logins nobody passes", async (context) => {
  const { ask, gateway } = await startGateway(context, "kind: Gateway, name: shop");
  const [status, text] = await ask("/");
  assert.equal(status, 503);
  assert.match(text, /default\/staff/);
  assert.equal((await ask("/oauth2/callback?state=x"))[0], 503);
  gateway.child.kill("SIGTERM");
  await gateway.exit();
  const line = JSON.parse(gateway.output[0] ?? "{}");
  assert.deepEqual(
    [line.response_code, line.response_flags, line.response_code_details],
    [503, "UAEX", "oidc_policy_closed"],
  );
});

test("where a route asks for logins nobody passes by it, and others are as they were", async (context) => {
  const { ask } = await startGateway(context, "kind: HTTPRoute, name: members");
  assert.equal((await ask("/members/1"))[0], 503);
  assert.deepEqual(await ask("/"), [200, "catalog"]);
});
