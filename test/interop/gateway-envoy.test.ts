/**
 * A real Envoy as a gateway: it accepts what translation makes of a Gateway, and refuses a login, which it does not know,
 * rather than letting everybody in without.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../src/core/clock.ts";
import { createTestAuthority, issueTestSvid } from "../../src/identity/certificate-fixtures.ts";
import type { ProxyScope } from "../../src/translate/mesh-snapshot.ts";
import { spiffeId } from "../../src/translate/names.ts";
import { translateProxy } from "../../src/translate/translate.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { snapshotOf, TEST_SCOPE, TEST_TRUST_DOMAIN } from "../support/mesh-fixture.ts";
import { writeServerCertificate } from "../support/server-certificate.ts";
import { staticBootstrap } from "../support/static-bootstrap.ts";

const EXAMPLE = join(import.meta.dirname, "..", "..", "examples", "gateway.yaml");
const SCOPE: ProxyScope = { ...TEST_SCOPE, role: "gateway", gateway: "shop", ports: [] };
const VALIDATE_TIMEOUT_MS = 60_000;
const POLICY = `
---
apiVersion: mesh.tulle.dev/v1
kind: SecurityPolicy
metadata: {name: staff}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: shop}]
  oidc:
    provider:
      issuer: https://login.example
      authorizationEndpoint: https://login.example/auth
      tokenEndpoint: https://login.example/token
    clientID: shop
    clientSecretFile: /etc/shop/oidc-secret
`;

const envoy = await envoyOrSkip();
const folder = mkdtempSync(join(tmpdir(), "tulle-envoy-gateway-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function validate(name: string, more: string): Promise<void> {
  assert.ok(envoy.path !== undefined);
  const { certificateFile, keyFile } = writeServerCertificate(folder, "shop", ["*.shop.example"]);
  const text = readFileSync(EXAMPLE, "utf8")
    .replace("/etc/shop/tls.crt", certificateFile)
    .replace("/etc/shop/tls.key", keyFile);
  const translation = translateProxy(snapshotOf(text + more, "gateway.yaml"), SCOPE);
  const { authority } = createTestAuthority(TEST_TRUST_DOMAIN, systemClock);
  const svid = issueTestSvid(authority, spiffeId(TEST_TRUST_DOMAIN, "default", "shop"));
  const own = { certificatePem: svid.certificateChainPem, privateKeyPem: svid.privateKeyPem };
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(staticBootstrap(translation, SCOPE.nodeId, own)));
  const args = ["--mode", "validate", "--log-level", "warn", "--config-path", path];
  await promisify(execFile)(envoy.path, args, { timeout: VALIDATE_TIMEOUT_MS });
}

test("Envoy accepts a gateway", { skip: envoy.skip ?? false }, async () => {
  await validate("plain", "");
});

test("Envoy refuses a gateway with logins", { skip: envoy.skip ?? false }, async () => {
  await assert.rejects(validate("login", POLICY), /tulle\.filters\.http\.oidc/);
});
