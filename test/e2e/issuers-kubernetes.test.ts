/**
 * Meshes whose certificates are signed by way of the Kubernetes API: CertificateSigningRequests of a signer, and
 * cert-manager's CertificateRequests. Refusals are told with their reason, and objects do not stay behind.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Application, eventually } from "../support/application.ts";
import { ForeignAuthority } from "../support/foreign-authority.ts";
import { KubernetesStandIn } from "../support/kubernetes-stand-in.ts";
import { writeServerCertificate } from "../support/server-certificate.ts";
import { TulleHome } from "./tulle-process.ts";

const TOKEN = "TokenOfAServiceAccount";
const CATALOG = "spiffe://tulle.local/ns/default/sa/catalog";
const folder = mkdtempSync(join(tmpdir(), "tulle-issuers-"));
const path = (name: string): string => join(folder, name);
const foreign = new ForeignAuthority("tulle.local");
let kubernetes: KubernetesStandIn;

before(async () => {
  const { pem, keyFile } = writeServerCertificate(folder, "server", ["127.0.0.1"]);
  const tls = { cert: pem, key: readFileSync(keyFile, "utf8") };
  kubernetes = await KubernetesStandIn.start({ authority: foreign, token: TOKEN, tls });
  writeFileSync(path("token"), `${TOKEN}\n`, { mode: 0o600 });
  writeFileSync(path("roots.crt"), foreign.rootPem);
});

after(async () => {
  await kubernetes.stop();
  rmSync(folder, { recursive: true });
});

async function meshWith(issuer: object): Promise<Application> {
  writeFileSync(path("issuer.yaml"), JSON.stringify(issuer));
  return await Application.start({
    catalog: { v1: 1 },
    controlPlane: ["--issuer-file", path("issuer.yaml")],
  });
}

async function assertServes(application: Application): Promise<void> {
  const outcomes = await application.client.burst(50, 4);
  assert.ok(outcomes.every(({ failure }) => failure === undefined));
  const ca = await application.admin.ca();
  assert.equal(ca.roots.length, 1);
  assert.deepEqual([...new Set(ca.certificates.map(({ root }) => root))], [ca.roots[0]?.id]);
  assert.ok(!application.controlPlane?.output.includes(TOKEN));
}

/** Another instance wants a certificate and gets none; returns what the status says. */
async function failureOf(application: Application, instance: string): Promise<string> {
  const before = (await application.admin.ca()).issuer.failures;
  const run = application.home.start([
    "run",
    "--service",
    "client",
    "--name",
    instance,
    "--",
    "true",
  ]);
  const { value } = await eventually(async () => {
    const { issuer } = await application.admin.ca();
    return issuer.failures > before ? (issuer.lastError ?? "") : undefined;
  });
  run.signal("SIGTERM");
  await run.ended;
  return value;
}

test("a signer of certificates.k8s.io signs what we approve", async () => {
  const application = await meshWith({
    ...{ kind: "kubernetes-csr", signerName: "mesh.example/workloads", approve: true },
    ...{ server: kubernetes.address, tokenFile: "token", caFile: "server.crt" },
    rootsFile: "roots.crt",
  });
  try {
    kubernetes.control = (object) => {
      const isApproved = object.status.conditions?.some(({ type }) => type === "Approved");
      if (isApproved === true) kubernetes.sign(object);
    };
    await assertServes(application);
    const [object] = kubernetes.made;
    assert.equal(object?.spec.signerName, "mesh.example/workloads");
    assert.equal(object.spec.expirationSeconds, 86_400);
    assert.deepEqual(object.spec.usages, ["digital signature", "client auth", "server auth"]);
    assert.equal(kubernetes.objects.size, 0, "nothing stays behind");
    const { issuer } = await application.admin.ca();
    assert.deepEqual([issuer.kind, issuer.place], ["kubernetes-csr", "mesh.example/workloads"]);
    for (const [type, message] of [
      ["Denied", "not today"],
      ["Failed", "the signer is out of order"],
    ] as const) {
      const { control } = kubernetes;
      kubernetes.control = (refused) =>
        kubernetes.setCondition(refused, { type, status: "True", reason: "Test", message });
      const reason = await failureOf(application, type.toLowerCase());
      assert.match(reason, new RegExp(`the request is ${type}: Test: ${message}`));
      kubernetes.control = control;
    }
    // The token of a pod is replaced every hour.
    kubernetes.token = "TheNextToken";
    assert.match(await failureOf(application, "stale"), /status 401: Unauthorized/);
    writeFileSync(path("token"), "TheNextToken");
    await application.runCatalog("late");
    assert.equal((await application.admin.ca()).issuer.lastError, null);
    await eventually(() => (kubernetes.objects.size === 0 ? true : undefined));
  } finally {
    kubernetes.token = TOKEN;
    writeFileSync(path("token"), TOKEN);
    await application.close();
  }
});

test("cert-manager signs, and tells its root", async () => {
  kubernetes.control = (object) => {
    const isPending = object.status.conditions === undefined;
    if (isPending) kubernetes.setCondition(object, { type: "Approved", status: "True" });
    else kubernetes.sign(object);
  };
  const kubeconfig = {
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "here", user: "tulle" } }],
    clusters: [
      {
        name: "here",
        cluster: { server: kubernetes.address, "certificate-authority": "server.crt" },
      },
    ],
    users: [{ name: "tulle", user: { token: TOKEN } }],
  };
  writeFileSync(path("kubeconfig"), JSON.stringify(kubeconfig));
  const first = kubernetes.made.length;
  const application = await meshWith({
    ...{ kind: "cert-manager", namespace: "mesh", issuerRef: { name: "mesh-ca" } },
    kubeconfigFile: "kubeconfig",
  });
  try {
    await assertServes(application);
    const object = kubernetes.made.at(-1);
    assert.deepEqual(object?.spec.issuerRef, {
      ...{ name: "mesh-ca", kind: "Issuer", group: "cert-manager.io" },
    });
    assert.equal(object.spec.duration, "86400s");
    assert.ok(kubernetes.made.length > first + 2);
    const { issuer } = await application.admin.ca();
    assert.deepEqual([issuer.kind, issuer.place], ["cert-manager", "Issuer mesh/mesh-ca"]);
    for (const [condition, reason] of [
      [{ type: "Denied", status: "True", reason: "policy" }, /the request is Denied: policy/],
      [{ type: "InvalidRequest", status: "True" }, /is InvalidRequest: no reason is given/],
      [
        { type: "Ready", status: "False", reason: "Failed", message: "the CA is gone" },
        /the request has failed: Failed: the CA is gone/,
      ],
    ] as const) {
      kubernetes.control = (refused) => kubernetes.setCondition(refused, condition);
      assert.match(await failureOf(application, `no-${condition.type.toLowerCase()}`), reason);
    }
    kubernetes.control = () => {};
    assert.match(await failureOf(application, "nobody"), /after 7 s nobody has approved it/);
    const check = await application.tulle(["check"]);
    assert.match(check.output, /the issuer cert-manager at Issuer mesh\/mesh-ca: .*approved/);
    await eventually(() => (kubernetes.objects.size === 0 ? true : undefined));
    assert.ok(kubernetes.made.some(({ spec }) => uriOf(spec.request) === CATALOG));
  } finally {
    await application.close();
  }
});

function uriOf(request: string): string | undefined {
  const pem = Buffer.from(request, "base64").toString("utf8");
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ""), "base64").toString("latin1");
  return /spiffe:\/\/[\w./-]*\/sa\/[a-z]+/.exec(der)?.[0];
}

test("a configuration that cannot work is refused with the field and the fix", async () => {
  const home = await TulleHome.create();
  const csr = { kind: "kubernetes-csr", signerName: "a.b/c", rootsFile: "roots.crt" };
  try {
    for (const [issuer, problem] of [
      [csr, /no KUBERNETES_SERVICE_HOST.*set kubeconfigFile, or server, tokenFile and caFile/],
      [{ ...csr, signerName: "none" }, /signerName: is not DOMAIN\/NAME/],
      [{ ...csr, server: "http://127.0.0.1:1" }, /server: is not https/],
      [{ ...csr, kubeconfigFile: "k", tokenFile: "t" }, /leave server, tokenFile and caFile out/],
      [{ ...csr, context: "c" }, /context: is one of a kubeconfigFile/],
      [{ kind: "cert-manager", namespace: "mesh" }, /issuerRef: /],
      [
        { ...csr, kubeconfigFile: "missing" },
        /the issuer kubernetes-csr at a\.b\/c cannot be used: .*missing cannot be read/,
      ],
    ] as const) {
      writeFileSync(path("issuer.yaml"), JSON.stringify(issuer));
      const words = ["control-plane", "--issuer-file", path("issuer.yaml")];
      const env = { KUBERNETES_SERVICE_HOST: undefined };
      const { code, output } = await home.start(words, { env }).ended;
      assert.notEqual(code, 0);
      assert.match(output, problem);
    }
  } finally {
    await home.remove();
  }
});
