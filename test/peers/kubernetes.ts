/** A Kubernetes API server with its etcd on loopback, in a folder of the test's own: no nodes, no controllers. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { freePort } from "../support/free-port.ts";
import { startPeer, temporaryFolder } from "./peer-process.ts";

const ADMIN_TOKEN = "token-of-the-test";

export interface KubernetesOptions {
  readonly t: TestContext;
  /** Folders of the programs. */
  readonly etcd: string;
  readonly apiServer: string;
}

export interface KubernetesObject {
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

export class Kubernetes {
  readonly address: string;
  /** Who signed the server's certificate. */
  readonly caFile: string;

  private constructor(address: string, caFile: string) {
    this.address = address;
    this.caFile = caFile;
  }

  static async start({ t, etcd, apiServer }: KubernetesOptions): Promise<Kubernetes> {
    const folder = temporaryFolder(t);
    const [clients, peers, port] = [await freePort(), await freePort(), await freePort()];
    const at = (number: number): string => `http://127.0.0.1:${number}`;
    await startPeer(t, clients, [
      ...[join(etcd, "etcd"), "--data-dir", join(folder, "etcd"), "--unsafe-no-fsync"],
      ...["--listen-client-urls", at(clients), "--advertise-client-urls", at(clients)],
      ...["--listen-peer-urls", at(peers), "--initial-advertise-peer-urls", at(peers)],
      ...["--initial-cluster", `default=${at(peers)}`],
    ]);
    const key = join(folder, "sa.key");
    execFileSync("openssl", ["genrsa", "-out", key, "2048"], { stdio: "ignore" });
    writeFileSync(join(folder, "tokens.csv"), `${ADMIN_TOKEN},admin,1,system:masters\n`);
    const certificates = join(folder, "certificates");
    await startPeer(t, port, [
      ...[join(apiServer, "kube-apiserver"), `--etcd-servers=${at(clients)}`],
      ...["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", `--secure-port=${port}`],
      ...[`--cert-dir=${certificates}`, `--token-auth-file=${join(folder, "tokens.csv")}`],
      ...[`--service-account-key-file=${key}`, `--service-account-signing-key-file=${key}`],
      ...[`--service-account-issuer=https://127.0.0.1:${port}`, "--authorization-mode=RBAC"],
      ...["--service-cluster-ip-range=10.96.0.0/24", "--endpoint-reconciler-type=none"],
    ]);
    const caFile = join(certificates, "apiserver.crt");
    const kubernetes = new Kubernetes(`https://127.0.0.1:${port}`, caFile);
    await kubernetes.#ready();
    return kubernetes;
  }

  /** A kubeconfig of whoever has the token; by default the administrator's. */
  kubeconfig(token = ADMIN_TOKEN): string {
    const cluster = { server: this.address, "certificate-authority": this.caFile };
    return JSON.stringify({
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "here", user: "somebody" } }],
      clusters: [{ name: "here", cluster }],
      users: [{ name: "somebody", user: { token } }],
    });
  }

  /** As the cluster's administrator. */
  async call(
    method: "GET" | "POST" | "PUT",
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly value: unknown }> {
    const options = {
      ...{ method, ca: readFileSync(this.caFile), agent: false },
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
    };
    return await new Promise((resolve, reject) => {
      const outgoing = request(`${this.address}${path}`, options, (response) => {
        text(response).then((body) => {
          // A path that is not known is answered in words.
          const value = body.startsWith("{") ? JSON.parse(body) : body;
          resolve({ status: response.statusCode ?? 0, value });
        }, reject);
      });
      outgoing.on("error", reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async create(path: string, body: object): Promise<KubernetesObject> {
    const { status, value } = await this.call("POST", path, body);
    assert.equal(status, 201, JSON.stringify(value));
    return value as KubernetesObject;
  }

  async list(path: string): Promise<readonly KubernetesObject[]> {
    const { status, value } = await this.call("GET", path);
    assert.equal(status, 200, JSON.stringify(value));
    return (value as { readonly items: readonly KubernetesObject[] }).items;
  }

  async #ready(): Promise<void> {
    for (;;) {
      const { status } = await this.call("GET", "/api/v1/namespaces/default").catch(() => ({
        status: 0,
      }));
      if (status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
