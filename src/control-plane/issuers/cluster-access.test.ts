/** Ways to an API server: what a pod is told, fields, kubeconfigs of several kinds, and what is wrong with them. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { stringify } from "yaml";
import { hasCode } from "../../core/errors.ts";
import { inPodAccess, readClusterAccess } from "./cluster-access.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-cluster-"));
after(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const base64 = (text: string): string => Buffer.from(text).toString("base64");

function kubeconfig(user: object, cluster: object = {}): string {
  return file(
    "kubeconfig",
    stringify({
      "current-context": "first",
      contexts: [
        { name: "first", context: { cluster: "c", user: "u" } },
        { name: "lost", context: { cluster: "none", user: "u" } },
      ],
      clusters: [{ name: "c", cluster: { server: "https://api.example:6443/", ...cluster } }],
      users: [{ name: "u", user }],
    }),
  );
}

test("a pod has an address, a token and a CA; fields take their places", () => {
  const env = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };
  const mounted = "/var/run/secrets/kubernetes.io/serviceaccount";
  assert.deepEqual(inPodAccess({}, env), {
    server: "https://10.96.0.1:443",
    tokenFile: `${mounted}/token`,
    caFile: `${mounted}/ca.crt`,
  });
  const server = inPodAccess({}, { KUBERNETES_SERVICE_HOST: "fd00::1" })?.server;
  assert.equal(server, "https://[fd00::1]:443");
  assert.equal(inPodAccess({}, {}), undefined);
  const given = { server: "https://a:1", tokenFile: "t", caFile: "c" };
  assert.deepEqual(inPodAccess(given, env), given);
});

test("the token is read at each use", () => {
  const tokenFile = file("token", "one\n");
  const config = { server: "https://a:1/", tokenFile, caFile: file("ca.crt", "CA") };
  assert.deepEqual(readClusterAccess(config), {
    ...{ server: "https://a:1", ca: "CA", serverName: undefined },
    ...{ token: "one", certificate: undefined },
  });
  file("token", "two");
  assert.equal(readClusterAccess(config).token, "two");
});

test("kubeconfigs: data and files, tokens and certificates", () => {
  mkdirSync(join(folder, "pki"));
  file("pki/ca.crt", "CA of a file");
  file("pki/token", "token-of-a-file\n");
  const read = (user: object, cluster: object = {}) =>
    readClusterAccess({ kubeconfigFile: kubeconfig(user, cluster) });
  assert.deepEqual(
    read(
      { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") },
      { "certificate-authority-data": base64("CA"), "tls-server-name": "kubernetes" },
    ),
    {
      ...{ server: "https://api.example:6443", ca: "CA", serverName: "kubernetes" },
      ...{ token: undefined, certificate: { cert: "CERT", key: "KEY" } },
    },
  );
  const byFiles = read({ tokenFile: "pki/token" }, { "certificate-authority": "pki/ca.crt" });
  assert.deepEqual([byFiles.ca, byFiles.token], ["CA of a file", "token-of-a-file"]);
});

test("what does not do is told with its place, and no secret", () => {
  const refusals: readonly (readonly [object, object, string | undefined, RegExp])[] = [
    [{ exec: { command: "aws" } }, {}, undefined, /user u: exec: is not run here/],
    [{}, {}, undefined, /user u has neither a token nor a client certificate/],
    [{ token: "t" }, { server: "http://a" }, undefined, /cluster c: server: is not https/],
    [
      { token: "t" },
      { "insecure-skip-tls-verify": true },
      undefined,
      /insecure-skip-tls-verify: is never done here/,
    ],
    [{ token: "t" }, {}, "other", /there is no context other/],
    [{ token: "t" }, {}, "lost", /there is no cluster none/],
    [{ tokenFile: "nowhere" }, {}, undefined, /nowhere cannot be read/],
  ];
  for (const [user, cluster, context, problem] of refusals) {
    assert.throws(
      () => readClusterAccess({ kubeconfigFile: kubeconfig(user, cluster), context }),
      (error: unknown) => hasCode(error, "issuer-failed") && problem.test(error.message),
      String(problem),
    );
  }
  const secret = "a secret: that: is no YAML: {";
  const path = file("kubeconfig", secret);
  assert.throws(
    () => readClusterAccess({ kubeconfigFile: path }),
    (error: unknown) => hasCode(error, "issuer-failed") && !error.message.includes("secret:"),
  );
});
