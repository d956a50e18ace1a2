/** What is wrong with an extension provider is said at its field, with the fix. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { snapshotOf } from "../../../test/support/mesh-fixture.ts";
import { extensionProviders } from "./extension-provider.ts";

const GRPC = { service: "security/opa", port: 9191 };

/** What `tulle apply` would say of a MeshConfig with them; "" for nothing. */
function violations(extensionProviders: unknown): string {
  const config = {
    ...{ apiVersion: "mesh.tulle.dev/v1", kind: "MeshConfig", metadata: { name: "default" } },
    spec: { extensionProviders },
  };
  try {
    snapshotOf(JSON.stringify(config), "mesh.yaml");
    return "";
  } catch (error) {
    return String(error);
  }
}

test("both kinds have Istio's fields, and defaults that are closed", () => {
  const [provider] = extensionProviders.parse([{ name: "opa", envoyExtAuthzGrpc: GRPC }]);
  assert.equal(provider?.envoyExtAuthzGrpc?.failOpen, false);
  assert.equal(provider?.envoyExtAuthzGrpc?.timeout, "200ms");
  assert.equal(provider?.envoyExtAuthzGrpc?.statusOnError, 403);
  const http = {
    ...{ service: "login.default.svc.cluster.local", port: 80, statusOnError: "503" },
    headersToUpstreamOnAllow: ["x-*", "*-user", "authorization"],
  };
  assert.equal(violations([{ name: "login", envoyExtAuthzHttp: http }]), "");
});

test("a provider is one of two, and named once", () => {
  const opa = { name: "opa", envoyExtAuthzGrpc: GRPC };
  assert.match(
    violations([{ name: "opa" }]),
    /extensionProviders\[0\].*says nothing of the service/,
  );
  assert.match(
    violations([{ ...opa, envoyExtAuthzHttp: GRPC }]),
    /extensionProviders\[0\]\.envoyExtAuthzHttp.*must not stand beside envoyExtAuthzGrpc/,
  );
  assert.match(violations([opa, opa]), /extensionProviders\[1\]\.name/);
});

test("bounds and forms are told", () => {
  const wrong = (fields: object): string =>
    violations([{ name: "opa", envoyExtAuthzGrpc: { ...GRPC, ...fields } }]);
  assert.match(wrong({ service: "no such host!" }), /namespace\/name, or a host name/);
  assert.match(wrong({ statusOnError: 200 }), /statusOnError/);
  assert.match(wrong({ includeRequestBodyInCheck: { maxRequestBytes: 0 } }), /maxRequestBytes/);
  assert.match(wrong({ timeout: "0s" }), /timeout/);
  assert.match(wrong({ pathPrefix: "/x" }), /pathPrefix/);
});
