/** The part of Vault's HTTP API that the issuer uses, as its documentation has it; signed by our own code. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { ForeignAuthority } from "./foreign-authority.ts";

export class VaultStandIn {
  readonly authority: ForeignAuthority;
  token: string;
  renewals = 0;
  signed: string[] = [];
  /** Answers with this status instead, when it is set. */
  failure: number | undefined;
  readonly #server: Server;

  private constructor(authority: ForeignAuthority, token: string) {
    this.authority = authority;
    this.token = token;
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, value }) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(value));
      });
    });
  }

  static async start(authority: ForeignAuthority, token: string): Promise<VaultStandIn> {
    const vault = new VaultStandIn(authority, token);
    await new Promise<void>((resolve) => vault.#server.listen(0, "127.0.0.1", resolve));
    return vault;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; value: object }> {
    const body = request.method === "POST" ? await json(request) : undefined;
    if (this.failure !== undefined) {
      return { status: this.failure, value: { errors: ["as the test wants it"] } };
    }
    if (request.headers["x-vault-token"] !== this.token) {
      return { status: 403, value: { errors: ["permission denied"] } };
    }
    const { rootPem, intermediatePem } = this.authority;
    switch (`${request.method} ${request.url}`) {
      case "GET /v1/pki/mesh/cert/ca_chain":
        return { status: 200, value: { data: { certificate: `${intermediatePem}${rootPem}` } } };
      case "GET /v1/auth/token/lookup-self":
        return { status: 200, value: { data: { ttl: 3600, renewable: true } } };
      case "POST /v1/auth/token/renew-self":
        this.renewals += 1;
        return { status: 200, value: { auth: { lease_duration: 3600 } } };
      case "POST /v1/pki/mesh/sign/tulle":
        return this.#sign(body as { csr: string; uri_sans: string; ttl: string });
      default:
        return { status: 404, value: { errors: [] } };
    }
  }

  #sign({ csr, uri_sans, ttl }: { csr: string; uri_sans: string; ttl: string }) {
    if (!/^spiffe:\/\/tulle\.local\//.test(uri_sans)) {
      return { status: 400, value: { errors: [`URI SAN ${uri_sans} not allowed by this role`] } };
    }
    this.signed.push(uri_sans);
    const certificate = this.authority.sign(csr, uri_sans, Number.parseInt(ttl, 10) * 1000);
    const { rootPem, intermediatePem } = this.authority;
    const data = { certificate, issuing_ca: intermediatePem, ca_chain: [intermediatePem, rootPem] };
    return { status: 200, value: { data } };
  }
}
