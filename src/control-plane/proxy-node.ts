/**
 * Reads what a proxy says about itself (the xDS node) and holds it against what its certificate proves. A
 * proxy gets another's configuration, or another's place among the endpoints, only with that one's key.
 */
import { z } from "zod";
import { assert } from "../core/assert.ts";
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";
import { parseSpiffeId, workloadIdentityFromSpiffeId } from "../identity/spiffe-id.ts";
import { dnsLabel, dnsSubdomain, portNumber } from "../resource/fields.ts";
import { INSTANCE_PROTOCOLS } from "../resource/port-protocol.ts";
import { parseLoopbackBlock } from "../translate/loopback-block.ts";
import type { ProxyScope } from "../translate/mesh-snapshot.ts";
import { controlPlaneError } from "./errors.ts";
import type { InstanceDescription } from "./instance.ts";

/** `<block>.1`:15000, where a sidecar of the unprivileged capture has its admin port. */
const SIDECAR_ADMIN_PORT = 15_000;

/** The node metadata that Tulle reads. Proxies may send more. */
const metadataSchema = z.object({
  NAMESPACE: dnsLabel().optional(),
  SERVICE_ACCOUNT: dnsSubdomain().optional(),
  SERVICE: dnsLabel().optional(),
  LABELS: z.record(z.string().min(1).max(317), z.string().max(63)).default({}),
  ADDRESS: z.union([z.ipv4(), z.ipv6()]).optional(),
  PORTS: z
    .array(
      z.object({
        name: z.string().max(63).default(""),
        port: portNumber(),
        inbound_port: portNumber(),
        protocol: z.enum(INSTANCE_PROTOCOLS).default("http"),
      }),
    )
    .max(64)
    .default([]),
  LOOPBACK_BLOCK: z.string().refine((text) => parseLoopbackBlock(text) !== undefined, {
    error: "must be an aligned /18 of 127.0.0.0/8",
  }),
  ROLE: z.enum(["sidecar", "gateway"]).default("sidecar"),
  /** The Gateway that it runs. */
  GATEWAY: dnsLabel().optional(),
  ADMIN_ADDRESS: z.string().max(64).optional(),
});

export interface ProxyNode {
  readonly scope: ProxyScope;
  /** What it serves; undefined for a proxy that only calls others. */
  readonly instance: InstanceDescription | undefined;
  readonly service: string;
  readonly spiffeId: string;
  readonly adminAddress: string;
  /** `tulle/0.1.0`. */
  readonly userAgent: string;
  readonly version: string;
}

/**
 * `spiffeId` is the one of the verified client certificate. Throws `proxy-refused` with a message for
 * the operator of the proxy.
 */
export function parseProxyNode(node: Node, spiffeId: string, trustDomain: string): ProxyNode {
  const parsedId = parseSpiffeId(spiffeId);
  const identity = parsedId.ok ? workloadIdentityFromSpiffeId(parsedId.id) : undefined;
  if (identity === undefined || identity.trustDomain !== trustDomain) {
    throw refused(node.id, `${spiffeId} is no identity of a workload of ${trustDomain}`);
  }
  const metadata = parseMetadata(node);
  const { namespace, serviceAccount } = identity;
  assertAgrees(node.id, "NAMESPACE", metadata.NAMESPACE, namespace, spiffeId);
  assertAgrees(node.id, "SERVICE_ACCOUNT", metadata.SERVICE_ACCOUNT, serviceAccount, spiffeId);
  const ports = metadata.PORTS.map((port) => ({
    name: port.name,
    port: port.port,
    inboundPort: port.inbound_port,
    protocol: port.protocol,
  }));
  const address = metadata.ADDRESS ?? sidecarAddress(metadata.LOOPBACK_BLOCK);
  const service = metadata.SERVICE ?? (node.cluster === "" ? serviceAccount : node.cluster);
  const labels = metadata.LABELS;
  return {
    scope: {
      nodeId: node.id,
      namespace,
      serviceAccount,
      labels,
      zone: node.locality?.zone ?? "",
      address,
      ports,
      loopbackBlock: metadata.LOOPBACK_BLOCK,
      role: metadata.ROLE,
      ...(metadata.GATEWAY === undefined ? {} : { gateway: metadata.GATEWAY }),
    },
    instance:
      ports.length === 0
        ? undefined
        : {
            name: node.id,
            namespace,
            service,
            serviceAccount,
            labels,
            zone: node.locality?.zone ?? "",
            address,
            ports,
          },
    service,
    spiffeId,
    adminAddress:
      metadata.ADMIN_ADDRESS ?? `${sidecarAddress(metadata.LOOPBACK_BLOCK)}:${SIDECAR_ADMIN_PORT}`,
    userAgent: node.userAgentName,
    version: userAgentVersion(node),
  };
}

function parseMetadata(node: Node): z.output<typeof metadataSchema> {
  const problems: string[] = [];
  // The id becomes the name of a Workload.
  const id = dnsSubdomain().safeParse(node.id);
  if (!id.success) problems.push("id must be DNS labels joined by dots");
  const metadata = metadataSchema.safeParse(node.metadata ?? {});
  for (const issue of metadata.error?.issues ?? []) {
    problems.push(`metadata.${issue.path.join(".")}: ${issue.message}`);
  }
  if (metadata.success && problems.length === 0) return metadata.data;
  throw refused(node.id, `node is not usable: ${problems.join("; ")}`);
}

function assertAgrees(
  id: string,
  field: string,
  said: string | undefined,
  proven: string,
  spiffeId: string,
): void {
  if (said === undefined || said === proven) return;
  throw refused(id, `node metadata says ${field} "${said}", the certificate is ${spiffeId}`);
}

function sidecarAddress(block: string): string {
  const base = parseLoopbackBlock(block);
  assert(base !== undefined, "the block was checked");
  return [24, 16, 8, 0].map((shift) => ((base + 1) >>> shift) & 0xff).join(".");
}

function userAgentVersion(node: Node): string {
  const { userAgentVersionType } = node;
  switch (userAgentVersionType.case) {
    case "userAgentVersion":
      return userAgentVersionType.value;
    case "userAgentBuildVersion": {
      const version = userAgentVersionType.value.version;
      if (version === undefined) return "";
      return `${version.majorNumber}.${version.minorNumber}.${version.patch}`;
    }
    default:
      return "";
  }
}

function refused(proxy: string, message: string): Error {
  return controlPlaneError({ code: "proxy-refused", proxy }, message);
}
