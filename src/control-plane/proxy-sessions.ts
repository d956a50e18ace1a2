/**
 * What happens when a proxy's streams open and end: who is it, may it, and who has to know. The ADS stream is the
 * lease of its instance; the health stream carries what its sidecar says of the app.
 */
import { status } from "@grpc/grpc-js";
import type { Clock } from "../core/clock.ts";
import { hasCode, messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { type Certificate, parseCertificate } from "../identity/certificate.ts";
import type { MeshPeer, PeerCall } from "../identity/grpc-listener.ts";
import type { AcknowledgeEvent, RefuseEvent } from "../xds/ads-server-options.ts";
import type { EndpointHealth } from "../xds/endpoint-health.ts";
import type { ProxyRecord } from "../xds/proxy-record.ts";
import { CLIENT_ENDED_STREAM } from "../xds/server-stream.ts";
import type { ConnectDecision, StreamPeer } from "../xds/stream-peer.ts";
import { shortTypeName } from "../xds/type-urls.ts";
import { controlPlaneError } from "./errors.ts";
import { type InstanceHealth, instanceKey } from "./instance.ts";
import type { ControlPlaneMetrics } from "./metrics.ts";
import type { ObjectCache } from "./object-cache.ts";
import type { ProxyDirectory, ProxyEntry } from "./proxy-directory.ts";
import { type ProxyNode, parseProxyNode } from "./proxy-node.ts";
import type { Reconciler } from "./reconciler.ts";
import type { Registry } from "./registry.ts";
import { isRegistered } from "./workload-object.ts";

export interface ProxySessionsOptions {
  readonly trustDomain: string;
  /** The client that a certificate proved, if one did. */
  readonly peerOf: (call: PeerCall) => MeshPeer | undefined;
  /** Why the certificate of a client was refused, if it sent one. */
  readonly refusalOf: (call: PeerCall) => string | undefined;
  /** The verified certificate of the caller, in DER. */
  readonly peerCertificate: (call: PeerCall) => Buffer | undefined;
  /** The id of the root that a certificate is under, if that is known. */
  readonly rootIdOf?: (certificate: Certificate) => string | undefined;
  /** Whether the root with this id is trusted at this moment. */
  readonly isTrustedRoot?: (rootId: string) => boolean;
  /** A proxy is connected, with this certificate. */
  readonly onConnected?: (entry: ProxyEntry, certificateDer: Buffer | undefined) => void;
  /** A proxy goes away for good. */
  readonly onLeft?: (entry: ProxyEntry) => void;
  readonly registry: Registry;
  readonly proxies: ProxyDirectory;
  readonly objects: ObjectCache;
  readonly reconciler: Reconciler;
  /** Ends an ADS stream. */
  readonly closeStream: (streamId: string, details: string) => void;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

type Authenticated =
  | { readonly ok: true; readonly node: ProxyNode }
  | { readonly ok: false; readonly decision: ConnectDecision };

/** The certificate that a stream was opened with; later ones come without a new stream. */
interface OpenedWith {
  readonly notAfterMs: number;
  /** Of the root that it is under; undefined where that is not known. */
  readonly rootId: string | undefined;
}

export class ProxySessions {
  readonly #options: ProxySessionsOptions;
  /** By health stream: the instance it speaks for. */
  readonly #healthKeys = new Map<string, string>();

  /** By ADS stream. */
  readonly #openedWith = new Map<string, OpenedWith>();

  constructor(options: ProxySessionsOptions) {
    this.#options = options;
  }

  /** For the ADS server's `onConnect`. */
  connect(stream: StreamPeer): ConnectDecision {
    const authenticated = this.#authenticate(stream);
    if (!authenticated.ok) return authenticated.decision;
    const { node } = authenticated;
    const { registry, proxies, reconciler } = this.#options;
    try {
      if (node.instance !== undefined) {
        this.#assertNameIsFree(node);
        registry.connect(stream.id, node.instance);
      }
    } catch (error) {
      return this.#refuse(stream, error);
    }
    const older = proxies.find(instanceKey({ ...node.scope, name: node.scope.nodeId }));
    const protocol = stream.call.getPath().endsWith("DeltaAggregatedResources") ? "delta" : "sotw";
    const entry = proxies.connect({ id: stream.id, remoteAddress: stream.peer, protocol }, node);
    if (older?.streamId !== undefined) {
      this.#options.closeStream(older.streamId, "the same proxy opened a newer stream");
    }
    const certificate = this.#options.peerCertificate(stream.call);
    if (certificate !== undefined) {
      const parsed = parseCertificate(certificate);
      const rootId = this.#options.rootIdOf?.(parsed);
      this.#openedWith.set(stream.id, { notAfterMs: parsed.notAfterMs, rootId });
    }
    this.#options.onConnected?.(entry, certificate);
    reconciler.proxyConnected(entry);
    return { accepted: true };
  }

  /** For the ADS server's `onDisconnect`. */
  disconnect(stream: StreamPeer, record: ProxyRecord, reason: string): void {
    const { registry, proxies, reconciler } = this.#options;
    const entry = proxies.byStream(stream.id);
    const hasExpired = this.#hasExpired(stream);
    if (entry !== undefined && !hasExpired && this.#saysGoodbye(entry, reason)) {
      this.#options.onLeft?.(entry);
    }
    registry.disconnect(stream.id, hasExpired ? "expired" : "lost");
    proxies.disconnect(stream.id, record);
    if (entry !== undefined) reconciler.proxyGone(entry);
  }

  acknowledge(event: AcknowledgeEvent): void {
    this.#options.reconciler.proxyAcknowledged(event.acknowledgedRevision);
    this.#options.proxies.notify();
  }

  refuse(event: RefuseEvent): void {
    this.#options.metrics.rejects.with({ type: shortTypeName(event.typeUrl).toLowerCase() }).add(1);
    this.#options.proxies.notify();
  }

  /** A health stream opened. */
  connectHealth(stream: StreamPeer): ConnectDecision {
    const authenticated = this.#authenticate(stream);
    if (!authenticated.ok) return authenticated.decision;
    const { instance } = authenticated.node;
    if (instance === undefined) {
      const details = "a proxy without ports is no instance and has no health";
      return { accepted: false, code: status.FAILED_PRECONDITION, details };
    }
    const known = this.#options.registry.get(instanceKey(instance));
    if (known !== undefined && known.description.serviceAccount !== instance.serviceAccount) {
      const details = `instance ${instanceKey(instance)} belongs to another service account`;
      return { accepted: false, code: status.PERMISSION_DENIED, details };
    }
    this.#healthKeys.set(stream.id, instanceKey(instance));
    return { accepted: true };
  }

  /** The sidecar of a health stream says how its app is, endpoint by endpoint. */
  reportHealth(streamId: string, endpoints: readonly EndpointHealth[]): void {
    const key = this.#healthKeys.get(streamId);
    const health = healthOfAll(endpoints);
    if (key !== undefined && health !== undefined) this.#options.registry.report(key, health);
  }

  disconnectHealth(streamId: string): void {
    const key = this.#healthKeys.get(streamId);
    if (key === undefined) return;
    this.#healthKeys.delete(streamId);
    // A newer stream may speak for the instance already.
    if (![...this.#healthKeys.values()].includes(key)) this.#options.registry.endReports(key);
  }

  /**
   * The listener closes a connection when its certificate expires, and when the root above that is retired; the proxy
   * has another one by then. Forgets the stream.
   */
  #hasExpired(stream: StreamPeer): boolean {
    const openedWith = this.#openedWith.get(stream.id);
    this.#openedWith.delete(stream.id);
    if (openedWith === undefined) return false;
    const { notAfterMs, rootId } = openedWith;
    const isRetired = rootId !== undefined && this.#options.isTrustedRoot?.(rootId) === false;
    return isRetired || this.#options.clock.nowMs() >= notAfterMs;
  }

  /** An instance is drained before it goes; who only calls others has nobody to say goodbye to. */
  #saysGoodbye({ node }: ProxyEntry, reason: string): boolean {
    if (node.instance === undefined) return reason === CLIENT_ENDED_STREAM;
    return this.#options.registry.get(instanceKey(node.instance))?.state === "draining";
  }

  #authenticate(stream: StreamPeer): Authenticated {
    const { peerOf, refusalOf, trustDomain } = this.#options;
    const peer = peerOf(stream.call);
    if (peer === undefined) {
      const reason = refusalOf(stream.call) ?? "no client certificate was sent";
      const details = `a workload certificate of ${trustDomain} is needed: ${reason}`;
      return { ok: false, decision: { accepted: false, code: status.UNAUTHENTICATED, details } };
    }
    try {
      return { ok: true, node: parseProxyNode(stream.node, peer.spiffeId, trustDomain) };
    } catch (error) {
      return { ok: false, decision: this.#refuse(stream, error) };
    }
  }

  #assertNameIsFree(node: ProxyNode): void {
    const { namespace, nodeId } = node.scope;
    const workload = this.#options.objects.get("Workload", namespace, nodeId);
    if (workload === undefined || isRegistered(workload)) return;
    throw controlPlaneError(
      { code: "proxy-refused", proxy: nodeId },
      `a Workload ${namespace}/${nodeId} was written by hand: delete it, or give the proxy another id`,
    );
  }

  #refuse(stream: StreamPeer, error: unknown): ConnectDecision {
    if (hasCode(error, "proxy-refused")) {
      return { accepted: false, code: status.PERMISSION_DENIED, details: messageOf(error) };
    }
    this.#options.log.error("a proxy cannot be admitted", { node: stream.node.id, error });
    return { accepted: false, code: status.INTERNAL, details: "the control plane failed" };
  }
}

/** An instance is as healthy as the worst of its ports; undefined when nothing is reported. */
function healthOfAll(endpoints: readonly EndpointHealth[]): InstanceHealth | undefined {
  const reported = new Set(endpoints.map(({ health }) => health));
  return (["draining", "unhealthy", "healthy"] as const).find((health) => reported.has(health));
}
