/**
 * Both ends of TLS between sidecars over real sockets, with a clock that tests move. The server's end
 * judges as a listener does. The product itself imports nothing from here.
 */
import { once } from "node:events";
import type { TestContext } from "node:test";
import tls, { type TLSSocket } from "node:tls";
import {
  createTestIntermediate,
  createTestLeaf,
  createTestRoot,
  type TestIssuer,
} from "../identity/certificate-fixtures.ts";
import { formatCertificatesPem } from "../identity/pem.ts";
import { TrustBundleSet, trustBundleFromDer } from "../identity/trust-bundle.ts";
import type { KeptChainsBounds } from "../net/kept-chains.ts";
import { TcpListener } from "../net/tcp-listener.ts";
import { TlsAcceptor } from "../net/tls-acceptor.ts";
import { DEFAULT_TLS_GROUPS } from "../net/tls-parameters.ts";
import type { SubjectNameTest, TlsSettings } from "./config/tls-settings.ts";
import { type Certificate, SecretStore, type Validation } from "./secret-store.ts";
import { judgePeer, type TlsPeer } from "./tls-peer.ts";
import { UpstreamTls, type UpstreamVerdict } from "./upstream-tls.ts";

const TRUST_DOMAIN = "mesh.test";
const YEAR_MS = 365 * 24 * 3_600_000;

export const idOf = (account: string): string => `spiffe://${TRUST_DOMAIN}/ns/shop/sa/${account}`;

export const nameTest = (id: string): SubjectNameTest => ({
  kind: "uri",
  test: (name) => name === id,
  matcher: "exact",
  expected: id,
});

/** A root with an issuing certificate between it and the leaves, which only peers bring. */
export class TestTrust {
  readonly root: TestIssuer;
  readonly issuer: TestIssuer;

  constructor(nowMs: number, name = "mesh") {
    this.root = createTestRoot(nowMs, `${name} root`);
    this.issuer = createTestIntermediate(nowMs, this.root, `${name} issuer`);
  }

  certificate(account: string, nowMs: number, notAfterMs = nowMs + YEAR_MS): Certificate {
    const leaf = createTestLeaf(nowMs, this.issuer, [idOf(account)], { notAfterMs });
    return {
      chainPem: formatCertificatesPem([leaf.der, this.issuer.der]),
      keyPem: leaf.key.export({ format: "pem", type: "pkcs8" }).toString(),
    };
  }

  get validation(): Validation {
    const bundle = trustBundleFromDer(TRUST_DOMAIN, [this.root.der]);
    return { caPem: "", bundles: new TrustBundleSet([bundle]) };
  }

  /** What a plain CA file gives: the TLS library verifies. */
  get plainValidation(): Validation {
    return { caPem: formatCertificatesPem([this.root.der]), bundles: undefined };
  }
}

export function settingsOf(more: Partial<TlsSettings> = {}): TlsSettings {
  return {
    certificate: { kind: "named", name: "default" },
    validation: { kind: "named", name: "ROOTCA" },
    subjectNames: [],
    alpnProtocols: [],
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    groups: DEFAULT_TLS_GROUPS,
    serverName: "",
    requiresClientCertificate: true,
    ...more,
  };
}

export interface ServerOptions {
  readonly settings: TlsSettings;
  readonly certificate: Certificate;
  readonly validation: Validation;
  readonly nowMs: () => number;
  readonly keptChains?: KeptChainsBounds;
}

export class TlsTestServer {
  readonly acceptor: TlsAcceptor;
  readonly verdicts: TlsPeer[] = [];
  readonly failures: unknown[] = [];
  readonly counts: [full: number, resumed: number] = [0, 0];
  validation: Validation;
  subjectNames: readonly SubjectNameTest[];
  port = 0;

  static async start(context: TestContext, options: ServerOptions): Promise<TlsTestServer> {
    const server = new TlsTestServer(options);
    const listener = new TcpListener({
      onHandle: (handle) => server.acceptor.accept(handle),
      onAcceptError: (reason) => server.failures.push(reason),
    });
    server.port = await listener.listen("127.0.0.1", 0);
    context.after(() => listener.close());
    return server;
  }

  private constructor(options: ServerOptions) {
    const { settings, nowMs, keptChains } = options;
    this.validation = options.validation;
    this.subjectNames = settings.subjectNames;
    this.acceptor = new TlsAcceptor({
      requestsClientCertificate: true,
      alpnProtocols: [],
      minVersion: settings.minVersion,
      maxVersion: settings.maxVersion,
      groups: settings.groups,
      nowMs,
      onHandshake: (isResumed) => {
        this.counts[isResumed ? 1 : 0] += 1;
      },
      onSecure: (socket) => this.#onSecure(socket, nowMs()),
      onFailure: (error) => this.failures.push(error),
      ...(keptChains === undefined ? {} : { keptChains }),
    });
    this.use(options.certificate, options.validation);
  }

  /** As a listener does when secrets have changed. */
  use(certificate: Certificate, validation = this.validation): void {
    this.validation = validation;
    this.acceptor.setSecrets({ ...certificate, caPem: validation.caPem });
  }

  get last(): TlsPeer | undefined {
    return this.verdicts.at(-1);
  }

  #onSecure(socket: TLSSocket, nowMs: number): void {
    const peer = judgePeer(socket, this.validation, this.subjectNames, nowMs);
    this.verdicts.push(peer);
    if (peer.kind === "refused") socket.destroy();
    // One byte, so that the client has read the tickets before it when this arrives.
    else socket.end("x");
  }
}

export class TlsTestClient {
  readonly secrets = new SecretStore();
  readonly counts: [full: number, resumed: number] = [0, 0];
  readonly tls: UpstreamTls;

  constructor(
    settings: TlsSettings,
    certificate: Certificate,
    validation: Validation,
    nowMs: () => number,
  ) {
    this.secrets.setCertificate("default", certificate);
    this.secrets.setValidation("ROOTCA", validation);
    this.tls = new UpstreamTls(settings, this.secrets, nowMs, (isResumed) => {
      this.counts[isResumed ? 1 : 0] += 1;
    });
  }

  /** One connection from handshake to end. `beforeVerdict` runs while the handshake is under way. */
  async dial(port: number, beforeVerdict = (): void => {}): Promise<UpstreamVerdict> {
    const handshake = this.tls.begin({ host: "127.0.0.1", port }, []);
    if (handshake === undefined) throw new Error("secrets have not arrived");
    const socket = tls.connect(handshake.options);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    beforeVerdict();
    const verdict = handshake.judge(socket);
    if (verdict.kind === "accepted") socket.resume();
    else socket.destroy();
    await closed;
    return verdict;
  }
}

export interface RawResult {
  readonly isResumed: boolean;
  readonly group: string;
  readonly protocol: string | null;
  readonly sessions: readonly Buffer[];
}

/** A client that keeps no rule: it offers whatever session it is given. Undefined when the handshake failed. */
export async function dialRaw(
  port: number,
  options: tls.ConnectionOptions,
): Promise<RawResult | undefined> {
  const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  const sessions: Buffer[] = [];
  let result: RawResult | undefined;
  socket.on("session", (session: Buffer) => sessions.push(session));
  socket.on("error", () => {});
  socket.once("secureConnect", () => {
    result = {
      isResumed: socket.isSessionReused(),
      group: groupOf(socket),
      protocol: socket.getProtocol(),
      sessions,
    };
    socket.resume();
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return result;
}

function groupOf(socket: TLSSocket): string {
  const info = socket.getEphemeralKeyInfo();
  return info !== null && "name" in info ? String(info.name) : "";
}
