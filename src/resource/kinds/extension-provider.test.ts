/** What is wrong with an extension provider is said at its field, with the fix. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { extensionProviders } from "./extension-provider.ts";

const GRPC = { service: "security/opa", port: 9191 };

/** `path: message` of each violation. */
function violations(value: unknown): readonly string[] {
  const { error } = extensionProviders.safeParse(value);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
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
  assert.deepEqual(violations([{ name: "login", envoyExtAuthzHttp: http }]), []);
});

test("a provider is one of two, and named once", () => {
  const opa = { name: "opa", envoyExtAuthzGrpc: GRPC };
  assert.match(violations([{ name: "opa" }]).join(), /0: says nothing of the service/);
  assert.match(
    violations([{ ...opa, envoyExtAuthzHttp: GRPC }]).join(),
    /0.envoyExtAuthzHttp: must not stand beside envoyExtAuthzGrpc/,
  );
  assert.match(violations([opa, opa]).join(), /1.name: /);
});

test("bounds and forms are told", () => {
  const wrong = (fields: object): string =>
    violations([{ name: "opa", envoyExtAuthzGrpc: { ...GRPC, ...fields } }]).join();
  assert.match(wrong({ service: "no such host!" }), /namespace\/name, or a host name/);
  assert.match(wrong({ statusOnError: 200 }), /a status from 400 to 599/);
  assert.match(wrong({ includeRequestBodyInCheck: { maxRequestBytes: 0 } }), /maxRequestBytes/);
  assert.match(wrong({ timeout: "0s" }), /timeout/);
  assert.match(wrong({ pathPrefix: "/x" }), /pathPrefix/);
});
