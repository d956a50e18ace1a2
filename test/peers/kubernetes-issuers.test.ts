/**
 * Certificates of a mesh by a real Kubernetes API server, with the rights that the guide names and no others. Who signs
 * CertificateSigningRequests is a controller in the test; CertificateRequests are signed by cert-manager's own.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { parseAllDocuments } from "yaml";
import { Application, eventually } from "../support/application.ts";
import { ForeignAuthority } from "../support/foreign-authority.ts";
import { freePort } from "../support/free-port.ts";
import { CERT_MANAGER, ETCD, goPeer, KUBE_APISERVER } from "./go-peer.ts";
import { Kubernetes, type KubernetesObject } from "./kubernetes.ts";
import { startPeer, temporaryFolder } from "./peer-process.ts";

const etcd = await goPeer(ETCD);
const apiServer = await goPeer(KUBE_APISERVER);
const certManager = await goPeer(CERT_MANAGER);
const skip = etcd.skip || apiServer.skip;
const skipManager = skip || certManager.skip;

const SIGNER = "mesh.example/workloads";
const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** A service account with these rights; returns a token of it. */
async function accountWith(kubernetes: Kubernetes, rules: readonly Rule[]): Promise<string> {
  const name = "tulle";
  const accounts = "/api/v1/namespaces/default/serviceaccounts";
  await kubernetes.create(accounts, { metadata: { name } });
  await kubernetes.create(`${RBAC}/clusterroles`, { metadata: { name }, rules });
  await kubernetes.create(`${RBAC}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ kind: "ServiceAccount", name, namespace: "default" }],
  });
  const { status } = await kubernetes.create(`${accounts}/${name}/token`, {
    ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  });
  return String(status?.["token"]);
}

/** Looks at the objects again and again, and gives those back that it has changed. */
function control(
  t: TestContext,
  kubernetes: Kubernetes,
  collection: string,
  change: (object: KubernetesObject) => object | undefined,
): { readonly seen: Map<string, KubernetesObject>; readonly failures: unknown[] } {
  const seen = new Map<string, KubernetesObject>();
  const failures: unknown[] = [];
  let isOver = false;
  const loop = async (): Promise<void> => {
    while (!isOver) {
      for (const object of await kubernetes.list(collection)) {
        seen.set(object.metadata.name, object);
        const status = change(object);
        if (status === undefined) continue;
        const path = `${collection}/${object.metadata.name}/status`;
        const answer = await kubernetes.call("PUT", path, { ...object, status });
        // Conflicts are looked at again, and what is deleted needs nothing.
        if (![200, 404, 409].includes(answer.status)) failures.push(answer.value);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const done = loop().catch((error) => failures.push(error));
  t.after(async () => {
    isOver = true;
    await done;
  });
  return { seen, failures };
}

function isTrue(object: KubernetesObject, type: string): boolean {
  const all = (object.status?.["conditions"] ?? []) as readonly { type: string; status: string }[];
  return all.some((one) => one.type === type && one.status === "True");
}

const encode = (pem: string): string => Buffer.from(pem).toString("base64");

/** The names that OpenSSL reads in the request, signed by the authority. */
function signed(authority: ForeignAuthority, object: KubernetesObject): string {
  const csr = Buffer.from(String(object.spec?.["request"]), "base64").toString("utf8");
  const text = execFileSync("openssl", ["req", "-noout", "-text"], {
    ...{ input: csr, encoding: "utf8" },
  });
  const [, uri = ""] = /X509v3 Subject Alternative Name: critical\s+URI:(\S+)/.exec(text) ?? [];
  return encode(`${authority.sign(csr, uri, 3_600_000)}${authority.intermediatePem}`);
}

async function assertServes(application: Application): Promise<void> {
  const outcomes = await application.client.burst(50, 4);
  assert.ok(outcomes.every(({ failure }) => failure === undefined));
  const { issuer, roots, certificates } = await application.admin.ca();
  assert.deepEqual([issuer.lastError, roots.length], [null, 1]);
  assert.deepEqual([...new Set(certificates.map(({ root }) => root))], [roots[0]?.id]);
}

test("CertificateSigningRequests that we approve and a signer signs", { skip }, async (t) => {
  const kubernetes = await Kubernetes.start({
    ...{ t, etcd: etcd.folder, apiServer: apiServer.folder },
  });
  const group = "certificates.k8s.io";
  const token = await accountWith(kubernetes, [
    {
      ...{ apiGroups: [group], resources: ["certificatesigningrequests"] },
      verbs: ["create", "get", "delete"],
    },
    {
      ...{ apiGroups: [group], resources: ["certificatesigningrequests/approval"] },
      verbs: ["update"],
    },
    {
      ...{ apiGroups: [group], resources: ["signers"], resourceNames: [SIGNER] },
      verbs: ["approve"],
    },
  ]);
  const authority = new ForeignAuthority("tulle.local");
  const place = temporaryFolder(t);
  writeFileSync(join(place, "token"), token, { mode: 0o600 });
  writeFileSync(join(place, "roots.crt"), authority.rootPem);
  const access = { server: kubernetes.address, tokenFile: "token", caFile: kubernetes.caFile };
  const file = join(place, "issuer.yaml");
  const issuer = { kind: "kubernetes-csr", signerName: SIGNER, approve: true, ...access };
  writeFileSync(file, JSON.stringify({ ...issuer, rootsFile: "roots.crt" }));
  let isBroken = false;
  const { seen, failures } = control(t, kubernetes, CSRS, (object) => {
    const isDone = object.status?.["certificate"] !== undefined || isTrue(object, "Failed");
    if (isDone || !isTrue(object, "Approved")) return undefined;
    const conditions = object.status?.["conditions"] as readonly object[];
    const failed = {
      type: "Failed",
      status: "True",
      reason: "Test",
      message: "as the test has it",
    };
    if (isBroken) return { ...object.status, conditions: [...conditions, failed] };
    return { ...object.status, certificate: signed(authority, object) };
  });
  const application = await Application.start({
    catalog: { v1: 1 },
    controlPlane: ["--issuer-file", file],
  });
  t.after(() => application.close());
  await assertServes(application);
  isBroken = true;
  const run = application.home.start([
    "run",
    "--service",
    "client",
    "--name",
    "late",
    "--",
    "true",
  ]);
  const { value } = await eventually(async () => {
    return (await application.admin.ca()).issuer.lastError ?? undefined;
  });
  assert.match(value, /the request is Failed: Test: as the test has it/);
  run.signal("SIGTERM");
  await run.ended;
  const [object] = [...seen.values()];
  assert.equal(object?.spec?.["username"], "system:serviceaccount:default:tulle");
  assert.equal(object?.spec?.["expirationSeconds"], 86_400);
  await eventually(async () => ((await kubernetes.list(CSRS)).length === 0 ? true : undefined));
  assert.deepEqual(failures, []);
});

/** cert-manager's definitions, out of its module. */
function definitionsOf(...kinds: readonly string[]): readonly object[] {
  const module = `${CERT_MANAGER.path}@${CERT_MANAGER.version}`;
  const text = execFileSync("go", ["mod", "download", "-json", module], { encoding: "utf8" });
  const { Dir: folder } = JSON.parse(text) as { readonly Dir: string };
  return kinds.map((kind) => {
    const path = join(folder, "deploy", "crds", `cert-manager.io_${kind}.yaml`);
    return parseAllDocuments(readFileSync(path, "utf8"))[0]?.toJS() as object;
  });
}

/** A CA issuer `mesh-ca` with a root by OpenSSL. */
async function createIssuer(kubernetes: Kubernetes, place: string): Promise<void> {
  const [key, certificate] = [join(place, "ca.key"), join(place, "ca.crt")];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-nodes", "-days", "2", "-newkey", "rsa:2048", "-subj", "/CN=mesh root"],
      ...["-addext", "basicConstraints=critical,CA:TRUE", "-keyout", key, "-out", certificate],
      ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    ],
    { stdio: "ignore" },
  );
  await kubernetes.create("/api/v1/namespaces/default/secrets", {
    ...{ metadata: { name: "mesh-ca" }, type: "kubernetes.io/tls" },
    stringData: {
      "tls.crt": readFileSync(certificate, "utf8"),
      "tls.key": readFileSync(key, "utf8"),
    },
  });
  await kubernetes.create("/apis/cert-manager.io/v1/namespaces/default/issuers", {
    ...{ apiVersion: "cert-manager.io/v1", kind: "Issuer", metadata: { name: "mesh-ca" } },
    spec: { ca: { secretName: "mesh-ca" } },
  });
}

test("cert-manager's controllers sign, and tell the root", { skip: skipManager }, async (t) => {
  const kubernetes = await Kubernetes.start({
    ...{ t, etcd: etcd.folder, apiServer: apiServer.folder },
  });
  const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  for (const one of definitionsOf("certificaterequests", "issuers", "clusterissuers")) {
    await kubernetes.create(definitions, one);
  }
  const requests = "/apis/cert-manager.io/v1/namespaces/default/certificaterequests";
  for (const path of [requests, "/apis/cert-manager.io/v1/namespaces/default/issuers"]) {
    await eventually(async () =>
      (await kubernetes.call("GET", path)).status === 200 ? true : undefined,
    );
  }
  const place = temporaryFolder(t);
  writeFileSync(join(place, "admin"), kubernetes.kubeconfig());
  const port = await freePort();
  const controllers = join(certManager.folder, "cert-manager");
  await startPeer(t, port, [controllers, join(place, "admin"), `127.0.0.1:${port}`]);
  await createIssuer(kubernetes, place);
  const token = await accountWith(kubernetes, [
    {
      ...{ apiGroups: ["cert-manager.io"], resources: ["certificaterequests"] },
      verbs: ["create", "get", "delete"],
    },
  ]);
  writeFileSync(join(place, "kubeconfig"), kubernetes.kubeconfig(token));
  const file = join(place, "issuer.yaml");
  const issuer = { kind: "cert-manager", namespace: "default", issuerRef: { name: "mesh-ca" } };
  writeFileSync(file, JSON.stringify({ ...issuer, kubeconfigFile: "kubeconfig" }));
  const application = await Application.start({
    catalog: { v1: 1 },
    controlPlane: ["--issuer-file", file],
  });
  t.after(() => application.close());
  await assertServes(application);
  await eventually(async () => ((await kubernetes.list(requests)).length === 0 ? true : undefined));
});
