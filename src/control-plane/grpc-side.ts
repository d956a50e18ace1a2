/**
 * What proxies talk to, wired together: ADS, health reports and certificates on one gRPC server, and the state of
 * the mesh behind them.
 */
import { Server } from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import {
  addCertificateService,
  type CertificateRefused,
  type CertificateServiceDeps,
} from "../identity/certificate-service.ts";
import { LocalCertificateSource } from "../identity/certificate-source.ts";
import { type PeerCall, peerOf } from "../identity/grpc-listener.ts";
import { IdentityAgent } from "../identity/identity-agent.ts";
import type { MeshAuthority } from "../identity/issuers/mesh-authority.ts";
import { type JoinTokenStore, JoinTokens } from "../identity/join-token.ts";
import type { JwtAuthority } from "../identity/jwt-authority.ts";
import { addJwtSvidService, type JwtSvidServiceDeps } from "../identity/jwt-svid-service.ts";
import { rootIdOf } from "../identity/root-id.ts";
import { workloadSpiffeId } from "../identity/spiffe-id.ts";
import { formatTrustBundlePem } from "../identity/trust-bundle.ts";
import type { Store } from "../store/store.ts";
import { AdsServer } from "../xds/ads-server.ts";
import { HdsServer } from "../xds/hds-server.ts";
import type { AdvertisedHost } from "./advertised-address.ts";
import { Attestors } from "./attestation/attestors.ts";
import { JoinSockets } from "./attestation/join-sockets.ts";
import type { AuditTrail } from "./audit/audit-trail.ts";
import { type AuthenticatedCallsOptions, authenticateFirst } from "./authenticated-calls.ts";
import { IdentitySide } from "./ca/identity-side.ts";
import { type FederationFiles, FederationSide } from "./federation/federation-side.ts";
import { SYSTEM_NAMESPACE } from "./join-token-issuer.ts";
import type { ListenAddress } from "./listen-address.ts";
import { createMeshState, type MeshState } from "./mesh-state.ts";
import type { ControlPlaneMetrics } from "./metrics.ts";
import type { ObjectCache } from "./object-cache.ts";
import { ProxySessions } from "./proxy-sessions.ts";
import { MemoryCounter } from "./rate-limit/memory-counter.ts";
import { addRateLimitService } from "./rate-limit/rate-limit-service.ts";
import type { RedisAddress } from "./rate-limit/redis-address.ts";
import { RedisClient } from "./rate-limit/redis-client.ts";
import { RedisCounter } from "./rate-limit/redis-counter.ts";
import { addOtlpServices } from "./telemetry/otlp-grpc-service.ts";
import type { TailDecisions } from "./telemetry/tail/tail-decisions.ts";
import { addWantedTracesService } from "./telemetry/tail/wanted-traces-service.ts";
import type { Taps } from "./telemetry/tap/taps.ts";
import { addTapsService } from "./telemetry/tap/taps-service.ts";
import type { TelemetryIntake } from "./telemetry/telemetry-intake.ts";
import { XdsListener } from "./xds-listener.ts";

/** The service account and DNS name that sidecars expect of the control plane. */
const SERVICE_ACCOUNT = "control-plane";
const DNS_NAME = `${SERVICE_ACCOUNT}.${SYSTEM_NAMESPACE}.svc`;
/** How often sidecars repeat their health; changes come at once. */
const HEALTH_INTERVAL_MS = 10_000;
/** What a proxy tells of a thousand resources that it has takes 100 kB. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** A peer that vanished without a word is noticed within the sum of both. */
const KEEPALIVE_TIME_MS = 15_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

export interface GrpcSideOptions {
  readonly store: Store;
  readonly authority: MeshAuthority;
  /** Files of the identity side: which certificates are out, and how far a rotation is. */
  readonly issuedPath: string | undefined;
  readonly rotationPath: string;
  /** Keys for JWT-SVIDs. */
  readonly jwtAuthority: JwtAuthority;
  readonly federationFiles: FederationFiles | undefined;
  /** Keys of issuers of users' tokens, as they were fetched last. */
  readonly keySetsPath?: string;
  readonly tokenStore: JoinTokenStore;
  readonly address: ListenAddress;
  /** Where sidecars are told to find it, if not there. */
  readonly advertised: AdvertisedHost | undefined;
  /** Where global limits are counted; undefined for in this process. */
  readonly redis: RedisAddress | undefined;
  readonly metrics: ControlPlaneMetrics;
  /** Where what happens to identities is told. */
  readonly audit?: AuditTrail | undefined;
  /** Takes what proxies tell by OTLP, once the mesh's state is made. Undefined: they are told that nobody does. */
  readonly createIntake?: (mesh: MeshState) => Pick<TelemetryIntake, "take">;
  /** Says which traces are wanted whole. */
  readonly tail?: TailDecisions;
  readonly taps?: Pick<Taps, "watch">;
  /** Called with the mesh's objects before each translation. */
  readonly onObjects?: (objects: ObjectCache) => void;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

export interface GrpcSide {
  readonly mesh: MeshState;
  readonly identity: IdentitySide;
  /** Keeps the control plane's own certificate. Starts before the listener. */
  readonly agent: IdentityAgent;
  readonly listener: XdsListener;
  /** Sockets by which workloads of other users join. */
  readonly joinSockets: JoinSockets;
  /** Keys for tokens and trust in other domains, kept up to date. */
  readonly federation: FederationSide;
  /** Where global limits are counted, unless in this process. */
  readonly redis: RedisClient | undefined;
}

export function createGrpcSide(options: GrpcSideOptions): GrpcSide {
  const { store, clock, log, metrics } = options;
  const { authority } = options;
  const { trustDomain } = authority;
  const federation = new FederationSide({
    ...options,
    trustDomain,
    getOwnBundle: () => authority.bundle,
    getAllowedAddresses: () => mesh.settings.fetchableAddresses,
    onChanged: () => mesh.reconciler.trustChanged(),
  });
  authority.onChange(() => federation.rootsChanged());
  const joinSockets = new JoinSockets(options);
  // The parts know each other: what is made first calls what is made later, once everything runs.
  const mesh = createMeshState({
    store,
    trustDomain,
    getTrustBundlePem: () => formatTrustBundlePem(authority.bundle),
    getIdentityPolicy: () => identity.policy,
    spiffeTrust: federation,
    onObjects: (objects) => {
      joinSockets.want(objects.list("WorkloadAttestor"));
      options.onObjects?.(objects);
    },
    onRevocationsChanged: () => identity.revocationsChanged(),
    getControlPlaneAddress: () => listener.advertised,
    keySetsPath: options.keySetsPath,
    setSnapshot: (streamId, snapshot) => ads.setSnapshot(streamId, snapshot),
    recordOf: (streamId) => ads.record(streamId),
    ...{ metrics, clock, log },
  });
  const refusalOf = (call: PeerCall): string | undefined => listener.refusalOf(call);
  const sessions = new ProxySessions({
    ...mesh,
    trustDomain,
    peerOf,
    refusalOf,
    peerCertificate,
    rootIdOf: (certificate) => identity.trust.rootIdOf(certificate),
    isTrustedRoot: (rootId) => authority.bundle.roots.some((root) => rootIdOf(root) === rootId),
    onConnected: (entry, certificate) => identity.trust.noteConnected(entry, certificate),
    onLeft: (entry) => identity.proxyLeft(entry),
    closeStream: (streamId, details) => ads.close(streamId, details),
    metrics,
    clock,
    log: log.child("proxies"),
  });
  const ads = createAdsServer(sessions, options);
  const hds = createHdsServer(sessions);
  const onRefused = (refused: CertificateRefused): void => identity.onRefused(refused);
  const attestors = createAttestors(options, mesh);
  const server = createServer(options, attestors, { refusalOf, onRefused });
  ads.addTo(server);
  hds.addTo(server);
  addIdentityServices(server, options, {
    redeemToken: (token) => attestors.redeem(token),
    getLifetimeMs: () => mesh.settings.certificateLifetimeMs,
    refusalOf,
    denialOf: (holder) => identity.denialOf(holder),
    onIssued: (record) => identity.onIssued(record),
    onRefused,
  });
  const redis = addRateLimits(server, options, mesh);
  addTelemetry(server, options, mesh);
  const agent = createAgent(options, mesh);
  const identity: IdentitySide = new IdentitySide({
    ...options,
    ...mesh,
    agent,
    setDenied: (denied) => listener.setDenied(denied),
  });
  const onStop = (): void => {
    // Streams that end from here on mean that the control plane leaves, not the instances.
    mesh.registry.stop();
    ads.closeAll();
    hds.closeAll();
  };
  const onStart = (): void => mesh.reconciler.addressChanged();
  const listener: XdsListener = new XdsListener({ ...options, server, agent, onStop, onStart });
  return { mesh, identity, agent, listener, redis, federation, joinSockets };
}

function createServer(
  { authority }: GrpcSideOptions,
  attestors: Attestors,
  deps: Pick<AuthenticatedCallsOptions, "refusalOf" | "onRefused">,
): Server {
  const { trustDomain } = authority;
  const isKnownToken = (token: string): boolean => attestors.isWorthJudging(token);
  return new Server({
    "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
    interceptors: [authenticateFirst({ ...deps, trustDomain, isKnownToken })],
  });
}

function createAttestors(
  { authority, tokenStore, clock }: GrpcSideOptions,
  mesh: MeshState,
): Attestors {
  return new Attestors({
    trustDomain: authority.trustDomain,
    getAttestors: () => mesh.objects.list("WorkloadAttestor"),
    getKeySets: () => mesh.keySets.sets,
    joinTokens: new JoinTokens({ clock, store: tokenStore }),
    nowMs: () => clock.nowMs(),
  });
}

function addIdentityServices(
  server: Server,
  { authority, jwtAuthority, clock, log: logger }: GrpcSideOptions,
  deps: Pick<
    CertificateServiceDeps,
    "redeemToken" | "getLifetimeMs" | "refusalOf" | "onIssued" | "onRefused"
  > &
    Pick<JwtSvidServiceDeps, "denialOf">,
): void {
  const { trustDomain } = authority;
  addCertificateService(server, {
    ...{ ...deps, authority, peerOf, clock, logger },
    getTrustBundle: () => authority.bundle,
  });
  addJwtSvidService(server, {
    ...{ ...deps, authority: jwtAuthority, trustDomain, peerOf, clock, logger },
  });
}

function addRateLimits(
  server: Server,
  options: GrpcSideOptions,
  mesh: MeshState,
): RedisClient | undefined {
  const { authority, metrics, clock } = options;
  const redis = createRedisClient(options);
  const nowUs = (): number => clock.monotonicMs() * 1000;
  addRateLimitService(server, {
    policyOf: (domain) => {
      const [namespace = "", name = ""] = domain.split("/");
      return mesh.objects.get("RateLimitPolicy", namespace, name);
    },
    counter: redis === undefined ? new MemoryCounter(nowUs) : new RedisCounter(redis),
    trustDomain: authority.trustDomain,
    peerOf,
    decisions: metrics.rateLimitDecisions,
    failures: metrics.rateLimitFailures,
  });
  return redis;
}

function addTelemetry(
  server: Server,
  { authority, createIntake, tail, taps }: GrpcSideOptions,
  mesh: MeshState,
): void {
  const intake = createIntake?.(mesh);
  if (intake === undefined) return;
  const { trustDomain } = authority;
  addOtlpServices(server, { intake, trustDomain, peerOf });
  if (tail !== undefined) addWantedTracesService(server, { tail, trustDomain, peerOf });
  const { proxies } = mesh;
  if (taps !== undefined) addTapsService(server, { taps, proxies, trustDomain, peerOf });
}

function createRedisClient({ redis: address, clock, prng, log }: GrpcSideOptions) {
  return address && new RedisClient({ address, clock, prng, log: log.child("rate-limits") });
}

function peerCertificate(call: PeerCall): Buffer | undefined {
  return call.getAuthContext().sslPeerCertificate?.raw;
}

function createAdsServer(sessions: ProxySessions, options: GrpcSideOptions): AdsServer {
  return new AdsServer({
    clock: options.clock,
    log: options.log.child("ads"),
    identifier: DNS_NAME,
    onConnect: (stream) => sessions.connect(stream),
    onDisconnect: (stream, record, reason) => sessions.disconnect(stream, record, reason),
    onAcknowledge: (event) => sessions.acknowledge(event),
    onRefuse: (event) => sessions.refuse(event),
  });
}

function createHdsServer(sessions: ProxySessions): HdsServer {
  return new HdsServer({
    intervalMs: HEALTH_INTERVAL_MS,
    onConnect: (stream) => sessions.connectHealth(stream),
    onHealth: (stream, endpoints) => sessions.reportHealth(stream.id, endpoints),
    onDisconnect: (stream) => sessions.disconnectHealth(stream.id),
  });
}

function createAgent(options: GrpcSideOptions, mesh: MeshState): IdentityAgent {
  const { clock, prng, log } = options;
  const { authority } = options;
  const { trustDomain } = authority;
  const namespace = SYSTEM_NAMESPACE;
  const spiffeId = workloadSpiffeId({ trustDomain, namespace, serviceAccount: SERVICE_ACCOUNT });
  const source = new LocalCertificateSource({
    authority,
    getTrustBundle: () => authority.bundle,
    getLifetimeMs: () => mesh.settings.certificateLifetimeMs,
    spiffeId,
    dnsNames: [DNS_NAME],
  });
  return new IdentityAgent({ spiffeId, source, clock, prng, logger: log });
}
