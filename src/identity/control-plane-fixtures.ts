/** A control plane for tests, as far as identity goes: real gRPC over real TLS on loopback. */
import { createServer, type Server as HttpServer } from "node:http";
import { Server } from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import { createLogger } from "../core/logger.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import { CertificateClient } from "./certificate-client.ts";
import { createTestAuthority, issueTestSvid } from "./certificate-fixtures.ts";
import { addCertificateService } from "./certificate-service.ts";
import { createMeshGrpcListener, type MeshGrpcListener, peerOf } from "./grpc-listener.ts";
import { JoinTokens } from "./join-token.ts";
import { formatTrustBundlePem, type TrustBundle, TrustBundleSet } from "./trust-bundle.ts";

export const TEST_TRUST_DOMAIN = "mesh.test";
export const CONTROL_PLANE_ID = `spiffe://${TEST_TRUST_DOMAIN}/ns/tulle-system/sa/control-plane`;

export interface TestControlPlane {
  readonly authority: CertificateAuthority;
  readonly bundle: TrustBundle;
  readonly bundles: TrustBundleSet;
  readonly tokens: JoinTokens;
  readonly listener: MeshGrpcListener;
  readonly client: CertificateClient;
  readonly address: string;
  /** Log lines, parsed. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  readonly settings: { lifetimeMs: number };
  stop(): Promise<void>;
}

export async function startTestControlPlane(
  clock: Clock,
  more?: { readonly addServices?: (server: Server) => void; readonly rootLifetimeMs?: number },
): Promise<TestControlPlane> {
  const { authority, bundle } = createTestAuthority(TEST_TRUST_DOMAIN, clock, more?.rootLifetimeMs);
  const bundles = new TrustBundleSet([bundle]);
  const tokens = new JoinTokens({ clock });
  const settings = { lifetimeMs: 24 * 3_600_000 };
  const log: Record<string, unknown>[] = [];
  const logger = createLogger({
    clock,
    sink: { write: (line) => log.push(JSON.parse(line)) },
    threshold: { level: "debug" },
    format: "json",
  });
  const server = new Server();
  const listener = createMeshGrpcListener({
    server,
    host: "127.0.0.1",
    port: 0,
    identity: { svid: issueTestSvid(authority, CONTROL_PLANE_ID, 1e12), bundles },
    clock,
    logger,
  });
  addCertificateService(server, {
    authority,
    getTrustBundle: () => bundle,
    getLifetimeMs: () => settings.lifetimeMs,
    redeemToken: (token) => tokens.redeem(token),
    peerOf,
    refusalOf: (call) => listener.refusalOf(call),
    clock,
    logger,
  });
  more?.addServices?.(server);
  await listener.start();
  const address = `127.0.0.1:${listener.port}`;
  return {
    authority,
    bundle,
    bundles,
    tokens,
    listener,
    client: new CertificateClient({ address, serverSpiffeId: CONTROL_PLANE_ID, clock }),
    address,
    log,
    settings,
    stop: async () => {
      await listener.stop(0);
      server.forceShutdown();
    },
  };
}

/** The one route of the admin API that a sidecar needs, on a unix socket. */
export async function startTestAdminSocket(
  socketPath: string,
  controlPlane: Pick<TestControlPlane, "tokens" | "bundle">,
): Promise<HttpServer> {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      body += chunk;
    });
    request.on("end", () => {
      if (request.method !== "POST" || request.url !== "/api/v1/join-tokens") {
        response.writeHead(404).end();
        return;
      }
      const identity = { trustDomain: TEST_TRUST_DOMAIN, ...JSON.parse(body) };
      const { token } = controlPlane.tokens.create(identity);
      const trustBundlePem = formatTrustBundlePem(controlPlane.bundle);
      response.writeHead(201, { "content-type": "application/json" });
      response.end(JSON.stringify({ token, trustBundlePem }));
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return server;
}
