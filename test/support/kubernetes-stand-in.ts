/**
 * The part of the Kubernetes API by which certificates are asked for, over HTTPS with a bearer token, as its reference has
 * it: CertificateSigningRequests with the approval subresource, and cert-manager's CertificateRequests. A signing
 * controller beside it does what the test says with each object; the names that it signs are those that OpenSSL reads.
 */
import { execFileSync } from "node:child_process";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { ForeignAuthority } from "./foreign-authority.ts";

const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const REQUESTS = "/apis/cert-manager.io/v1/namespaces/mesh/certificaterequests";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface SigningObjectOnServer {
  readonly kind: string;
  readonly metadata: { name: string; generateName?: string; resourceVersion?: string };
  readonly spec: {
    readonly request: string;
    readonly signerName?: string;
    readonly expirationSeconds?: number;
    readonly duration?: string;
    readonly usages?: readonly string[];
    readonly issuerRef?: { readonly name: string };
  };
  status: { conditions?: readonly Condition[]; certificate?: string; ca?: string };
}

export interface KubernetesStandInOptions {
  readonly authority: ForeignAuthority;
  readonly token: string;
  readonly tls: { readonly key: string; readonly cert: string };
}

interface Answer {
  readonly status: number;
  readonly value: object;
}

export class KubernetesStandIn {
  token: string;
  /** Every object that was made, also those that are deleted. */
  readonly made: SigningObjectOnServer[] = [];
  /** Those that are there. */
  readonly objects = new Map<string, SigningObjectOnServer>();
  /** What the controller does with an object that nobody has signed or refused. */
  control: (object: SigningObjectOnServer) => void;
  readonly #authority: ForeignAuthority;
  readonly #server: Server;

  private constructor({ authority, token, tls }: KubernetesStandInOptions) {
    this.token = token;
    this.#authority = authority;
    this.control = (object) => this.sign(object);
    this.#server = createServer(tls, (request, response) => {
      void this.#answer(request).then(({ status, value }) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(value));
      });
    });
  }

  static async start(options: KubernetesStandInOptions): Promise<KubernetesStandIn> {
    const server = new KubernetesStandIn(options);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get address(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** As signers do: the request's own names, for as long as was asked for. */
  sign(object: SigningObjectOnServer): void {
    const { spec, kind } = object;
    const csr = Buffer.from(spec.request, "base64").toString("utf8");
    const text = execFileSync("openssl", ["req", "-noout", "-text", "-verify"], {
      input: csr,
      encoding: "utf8",
      stdio: ["pipe", "pipe", "ignore"],
    });
    const [, uri = ""] = /X509v3 Subject Alternative Name: critical\s+URI:(\S+)/.exec(text) ?? [];
    const seconds = spec.expirationSeconds ?? Number.parseInt(spec.duration ?? "", 10);
    const leaf = this.#authority.sign(csr, uri, seconds * 1000);
    const { intermediatePem, rootPem } = this.#authority;
    const encode = (pem: string): string => Buffer.from(pem).toString("base64");
    object.status.certificate = encode(`${leaf}${intermediatePem}`);
    if (kind === "CertificateSigningRequest") return;
    object.status.ca = encode(rootPem);
    this.setCondition(object, { type: "Ready", status: "True", reason: "Issued" });
  }

  setCondition({ status }: SigningObjectOnServer, condition: Condition): void {
    status.conditions = [...(status.conditions ?? []), condition];
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { method, url = "" } = request;
    const hasBody = method === "POST" || method === "PUT";
    const body = hasBody ? ((await json(request)) as SigningObjectOnServer) : undefined;
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      return failure(401, "Unauthorized", "Unauthorized");
    }
    const collection = [CSRS, REQUESTS].find((path) => url.startsWith(path));
    if (collection === undefined) return failure(404, "NotFound", "404 page not found");
    if (method === "POST" && body !== undefined) return this.#create(collection, body);
    const path = url.replace(/\/approval$/, "");
    const object = this.objects.get(path);
    if (object === undefined) return failure(404, "NotFound", `"${path}" not found`);
    if (method === "DELETE") {
      this.objects.delete(path);
      return { status: 200, value: { kind: "Status", status: "Success" } };
    }
    if (method === "PUT" && url !== path) {
      object.status = { ...object.status, ...pickConditions(body) };
      return { status: 200, value: object };
    }
    const isDecided =
      object.status.certificate !== undefined ||
      object.status.conditions?.some(({ type }) => type !== "Approved") === true;
    if (!isDecided) this.control(object);
    return { status: 200, value: object };
  }

  /** What the API server validates. */
  #create(collection: string, body: SigningObjectOnServer): Answer {
    const { spec, kind, metadata } = body;
    if (collection === CSRS && (spec.expirationSeconds ?? 600) < 600) {
      const message = "spec.expirationSeconds: Invalid value: may not specify less than 600";
      return failure(422, "Invalid", message);
    }
    if (collection === CSRS && !/^[a-z0-9.-]+\/[\w./-]+$/.test(spec.signerName ?? "")) {
      return failure(422, "Invalid", "spec.signerName: Invalid value");
    }
    if ((spec.usages?.length ?? 0) === 0) return failure(422, "Invalid", "spec.usages: Required");
    const name = `${metadata.generateName}${this.made.length}`;
    const object = {
      ...{ kind, spec, status: {} },
      metadata: { ...metadata, name, resourceVersion: "1" },
    };
    this.made.push(object);
    this.objects.set(`${collection}/${name}`, object);
    return { status: 201, value: object };
  }
}

function pickConditions(body: SigningObjectOnServer | undefined): object {
  return { conditions: body?.status.conditions ?? [] };
}

function failure(code: number, reason: string, message: string): Answer {
  const value = { kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code };
  return { status: code, value };
}
