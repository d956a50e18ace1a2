/** Which instances stand behind a Service port, and where each is reached. */
import { type ServicePort, targetPortOf } from "../resource/kinds/service.ts";
import { mayBeHttp, mayBeOpaque, type PortProtocol } from "../resource/port-protocol.ts";
import type { FindingPlace, Findings } from "./findings.ts";
import type { MeshInstance, MeshInstancePort } from "./mesh-snapshot.ts";
import { qualifiedName } from "./names.ts";
import type { PeerAuthenticationIndex } from "./peer-authentication.ts";

/** An instance that a Service port leads to. */
export interface Target {
  readonly instance: MeshInstance;
  /** Where callers connect: its sidecar's inbound listener, or the app itself. */
  readonly endpointPort: number;
  /** Whether a sidecar listens there. */
  readonly isMeshed: boolean;
  /** Whether it is reached by mutual TLS: with a sidecar, unless its PeerAuthentication says otherwise. */
  readonly isSecure: boolean;
}

/**
 * The targets among the selected instances, in their order. Each address counts once, and either all are reached by
 * mutual TLS or none is: whoever claims another's address must not have its identity accepted either.
 */
export function resolveTargets(
  { port, protocol }: { readonly port: ServicePort; readonly protocol: PortProtocol },
  instances: readonly MeshInstance[],
  report: {
    readonly peers: PeerAuthenticationIndex;
    readonly findings: Findings;
    readonly place: FindingPlace;
  },
): readonly Target[] {
  const { findings, place, peers } = report;
  const candidates = instances.flatMap((instance) => {
    const found = instancePort(port, instance);
    if (found === undefined) return [];
    if (isHttpOnly(protocol) && (found.protocol === "tcp" || found.protocol === "tls")) {
      const name = qualifiedName(instance);
      const message = `port ${found.port} of instance ${name} speaks ${found.protocol}, not HTTP; it gets no requests`;
      findings.add("protocol-mismatch", place, message);
      return [];
    }
    const isMeshed = found.inboundPort !== undefined;
    const isSecure = isMeshed && peers.modeOf(instance, found.port).mode !== "DISABLE";
    return [{ instance, endpointPort: found.inboundPort ?? found.port, isMeshed, isSecure }];
  });
  const hasMeshed = candidates.some((target) => target.isMeshed);
  const hasSecure = candidates.some((target) => target.isSecure);
  const instanceByAddress = new Map<string, string>();
  return candidates.filter((target) => {
    const instance = qualifiedName(target.instance);
    if (hasMeshed && !target.isMeshed) {
      const message = `instance ${instance} has no sidecar while others have; it gets no requests`;
      findings.add("endpoint-plaintext", place, message);
      return false;
    }
    const address = `${target.instance.address} port ${target.endpointPort}`;
    if (hasSecure && !target.isSecure) {
      const message = `instance ${instance} takes plain text only while others take mutual TLS; it gets no requests: give all of them one PeerAuthentication`;
      findings.add("endpoint-plaintext", place, message);
      return false;
    }
    const holder = instanceByAddress.get(address);
    if (holder !== undefined) {
      const message = `instances ${holder} and ${instance} both claim ${address}`;
      findings.add("endpoint-conflict", place, message);
      return false;
    }
    instanceByAddress.set(address, instance);
    return true;
  });
}

/** Versions of an app may differ in the ports that they have: one without the port is no target. */
function instancePort(port: ServicePort, instance: MeshInstance): MeshInstancePort | undefined {
  const wanted = targetPortOf(port);
  return instance.ports.find((candidate) =>
    typeof wanted === "number" ? candidate.port === wanted : candidate.name === wanted,
  );
}

function isHttpOnly(protocol: PortProtocol): boolean {
  return mayBeHttp(protocol) && !mayBeOpaque(protocol);
}
