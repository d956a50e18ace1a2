/**
 * A mesh file as the xDS snapshot that both proxies get: translated by the product, then every listener moved to a
 * free port of 127.0.0.1 and every endpoint to a recording upstream that holds the identity which callers ask for.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SecureContextOptions } from "node:tls";
import { clone, create, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { systemClock } from "../../src/core/clock.ts";
import { type Cluster, ClusterSchema } from "../../src/gen/envoy/config/cluster/v3/cluster_pb.js";
import { TrafficDirection } from "../../src/gen/envoy/config/core/v3/base_pb.js";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../../src/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import {
  type Listener,
  ListenerSchema,
} from "../../src/gen/envoy/config/listener/v3/listener_pb.js";
import { HttpConnectionManagerSchema } from "../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { SecretSchema } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { UpstreamTlsContextSchema } from "../../src/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { createTestAuthority, issueTestSvid } from "../../src/identity/certificate-fixtures.ts";
import { formatCertificatesPem } from "../../src/identity/pem.ts";
import { socketAddress } from "../../src/translate/message.ts";
import { spiffeId } from "../../src/translate/names.ts";
import { translateProxy } from "../../src/translate/translate.ts";
import type { XdsResource } from "../../src/translate/translation.ts";
import { type EncodedResource, encodedResource } from "../../src/xds/snapshot.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  SECRET_TYPE_URL,
} from "../../src/xds/type-urls.ts";
import {
  type FixtureRequest,
  firstPortOf,
  parseMeshFixture,
  snapshotOf,
  TEST_SCOPE,
  TEST_TRUST_DOMAIN,
} from "../support/mesh-fixture.ts";
import { schemaOfTypeUrl, xdsRegistry } from "../support/xds-json.ts";
import type { RecordingUpstream } from "./recording-upstream.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const LOOPBACK = "127.0.0.1";
const types = xdsRegistry();

/** Callers are told that these peers have other identities than they have. */
const IMPOSTORS: readonly string[] = ["examples/shop.yaml outbound|80||users"];

export interface MeshConfig {
  readonly resources: readonly EncodedResource[];
  /** `catalog:80`, or `inbound`, and the name of the listener. */
  readonly listeners: ReadonlyMap<string, string>;
  /** `cluster 127.0.0.1:1234` for each endpoint. */
  readonly endpoints: readonly string[];
}

/** Requests that the file itself lists, with the Service port that each is for. */
export function requestsOf(
  file: string,
): readonly (FixtureRequest & Required<Pick<FixtureRequest, "to">>)[] {
  const { head, snapshot } = parseMeshFixture(read(file), file);
  const to = firstPortOf(snapshot);
  return (head.requests ?? []).map((request) => ({ to, ...request }));
}

/** The authority of one run, and who the proxies and their callers are. */
export class MeshIdentities {
  readonly #authority = createTestAuthority(TEST_TRUST_DOMAIN, systemClock).authority;
  readonly #foreign = createTestAuthority("other.example", systemClock).authority;
  readonly #contexts = new Map<string, SecureContextOptions>();
  readonly caPem = formatCertificatesPem([this.#authority.certificate.der]);

  /** Certificate and key of a SPIFFE ID. One of a trust domain that is not ours is signed by a stranger. */
  contextOf(id: string): SecureContextOptions {
    const known = this.#contexts.get(id);
    if (known !== undefined) return known;
    const isOurs = id.startsWith(`spiffe://${TEST_TRUST_DOMAIN}/`);
    const svid = issueTestSvid(isOurs ? this.#authority : this.#foreign, id);
    const context = { cert: svid.certificateChainPem, key: svid.privateKeyPem };
    this.#contexts.set(id, context);
    return context;
  }
}

export async function loadMeshConfig(
  file: string,
  identities: MeshIdentities,
  upstream: RecordingUpstream,
): Promise<MeshConfig> {
  const { snapshot, scope } = file.startsWith("examples/")
    ? { snapshot: snapshotOf(read(file), file), scope: TEST_SCOPE }
    : parseMeshFixture(read(file), file);
  const trusted = { ...snapshot, trustBundlePem: identities.caPem };
  const translation = translateProxy(trusted, scope);
  // Name queries have a test of their own: `test/interop/names-envoy.test.ts`.
  const resources = translation.resources.filter(({ name }) => !name.startsWith("dns|"));
  const mover = new Mover(file, resources, identities, upstream);
  const moved: XdsResource[] = [];
  for (const resource of resources) moved.push(await mover.move(resource));
  const own = identities.contextOf(
    spiffeId(TEST_TRUST_DOMAIN, scope.namespace, scope.serviceAccount),
  );
  return {
    resources: [...moved, ownSecret(own)].map(encode),
    listeners: mover.listeners,
    endpoints: mover.endpoints,
  };
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

function encode({ typeUrl, name, message }: XdsResource): EncodedResource {
  const bytes = toBinary(schemaOfTypeUrl(typeUrl, types), message);
  return encodedResource({ typeUrl, name, bytes });
}

function ownSecret({ cert, key }: SecureContextOptions): XdsResource {
  const inline = (value: unknown) =>
    ({ specifier: { case: "inlineString", value: String(value) } }) as const;
  const message = create(SecretSchema, {
    name: "default",
    type: {
      case: "tlsCertificate",
      value: { certificateChain: inline(cert), privateKey: inline(key) },
    },
  });
  return { typeUrl: SECRET_TYPE_URL, name: "default", message };
}

class Mover {
  readonly listeners = new Map<string, string>();
  readonly endpoints: string[] = [];
  readonly #file: string;
  readonly #identities: MeshIdentities;
  readonly #upstream: RecordingUpstream;
  /** Clusters by the load assignment that they share. */
  readonly #clustersOf = new Map<string, string[]>();
  /** SPIFFE IDs that callers of a cluster accept. */
  readonly #accepted = new Map<string, string>();

  constructor(
    file: string,
    resources: readonly XdsResource[],
    identities: MeshIdentities,
    upstream: RecordingUpstream,
  ) {
    this.#file = file;
    this.#identities = identities;
    this.#upstream = upstream;
    for (const { typeUrl, name, message } of resources) {
      if (typeUrl !== CLUSTER_TYPE_URL) continue;
      const id = acceptedId(message as Cluster);
      if (id !== undefined) this.#accepted.set(name, id);
      const assignment = (message as Cluster).edsClusterConfig?.serviceName ?? name;
      this.#clustersOf.set(assignment, [...(this.#clustersOf.get(assignment) ?? []), name]);
    }
  }

  async move(resource: XdsResource): Promise<XdsResource> {
    switch (resource.typeUrl) {
      case LISTENER_TYPE_URL:
        return { ...resource, message: this.#listener(resource.message as Listener) };
      case CLUSTER_TYPE_URL:
        return { ...resource, message: await this.#cluster(resource.message as Cluster) };
      case ENDPOINT_TYPE_URL:
        return {
          ...resource,
          message: await this.#assignment(resource.message as ClusterLoadAssignment),
        };
      default:
        return resource;
    }
  }

  #listener(original: Listener): Listener {
    const listener = clone(ListenerSchema, original);
    listener.address = socketAddress(LOOPBACK, 0);
    const isInbound = listener.trafficDirection === TrafficDirection.INBOUND;
    this.listeners.set(isInbound ? inboundAlias(this.listeners) : aliasOf(listener), listener.name);
    return listener;
  }

  async #cluster(original: Cluster): Promise<Cluster> {
    const cluster = clone(ClusterSchema, original);
    if (cluster.loadAssignment === undefined) return cluster;
    cluster.loadAssignment = await this.#assignment(cluster.loadAssignment);
    return cluster;
  }

  /** A Service without instances gets one: what is under test is how requests reach it. */
  async #assignment(original: ClusterLoadAssignment): Promise<ClusterLoadAssignment> {
    const assignment = clone(ClusterLoadAssignmentSchema, original);
    const filled =
      assignment.endpoints.length > 0
        ? assignment
        : create(ClusterLoadAssignmentSchema, {
            clusterName: assignment.clusterName,
            endpoints: [
              {
                loadBalancingWeight: 1,
                lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: {} } }],
              },
            ],
          });
    for (const { lbEndpoints } of filled.endpoints) {
      for (const { hostIdentifier } of lbEndpoints) {
        if (hostIdentifier.case !== "endpoint") continue;
        const port = await this.#open(filled.clusterName);
        hostIdentifier.value.address = socketAddress(LOOPBACK, port);
        for (const cluster of this.#clustersOf.get(filled.clusterName) ?? []) {
          this.endpoints.push(`${cluster} ${LOOPBACK}:${port}`);
        }
      }
    }
    return filled;
  }

  #open(cluster: string): Promise<number> {
    const id = this.#accepted.get(cluster);
    if (id === undefined) return this.#upstream.open(cluster);
    const isImpostor = IMPOSTORS.some((name) => `${this.#file} ${cluster}`.startsWith(`${name}.`));
    const context = this.#identities.contextOf(isImpostor ? `${id}-impostor` : id);
    return this.#upstream.open(cluster, {
      ...context,
      ca: this.#identities.caPem,
      requestCert: true,
      ALPNProtocols: ["h2", "http/1.1"],
      minVersion: "TLSv1.3",
    });
  }
}

function acceptedId({ transportSocket }: Cluster): string | undefined {
  const any = transportSocket?.configType.value;
  const context = any === undefined ? undefined : anyUnpack(any, UpstreamTlsContextSchema);
  const validation = context?.commonTlsContext?.validationContextType;
  if (validation?.case !== "combinedValidationContext") return undefined;
  const [name] = validation.value.defaultValidationContext?.matchTypedSubjectAltNames ?? [];
  return name?.matcher?.matchPattern.value as string | undefined;
}

/** `catalog:80`: the Service port whose routes the listener has; its own name when it has none. */
function aliasOf(listener: Listener): string {
  const config = listener.filterChains[0]?.filters[0]?.configType;
  const manager =
    config?.case === "typedConfig"
      ? anyUnpack(config.value, HttpConnectionManagerSchema)
      : undefined;
  if (manager === undefined || listener.name.startsWith("gateway|")) return listener.name;
  const [, port = "", , host = ""] = manager.statPrefix.split("|");
  const [service = "", namespace = ""] = host.split(".");
  return `${service}${namespace === "default" ? "" : `.${namespace}`}:${port}`;
}

/** `inbound`, `inbound-2`, `inbound-3`, …. */
function inboundAlias(listeners: ReadonlyMap<string, string>): string {
  const count = [...listeners.keys()].filter((alias) => /^inbound(-\d+)?$/.test(alias)).length;
  return count === 0 ? "inbound" : `inbound-${count + 1}`;
}
