/** SecurityPolicies at gateways: a filter that asks for logins, and the cluster by which it asks the provider for tokens. */
import { isIP } from "node:net";
import { create, type JsonObject } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { OIDC_TYPE_URL } from "../../decision/filters/oidc-rule.ts";
import { NO_KEYS } from "../../decision/jwt/public-key-set.ts";
import {
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import { FilterConfigSchema } from "../../gen/envoy/config/route/v3/route_components_pb.js";
import { TypedStructSchema } from "../../gen/xds/type/v3/typed_struct_pb.js";
import { durationMs } from "../../resource/duration.ts";
import type { GatewayAttachment } from "../../resource/gateway-attachment.ts";
import {
  REDIRECT_PATH_DEFAULT,
  type SecurityPolicy,
} from "../../resource/kinds/security-policy.ts";
import { keyOf } from "../../resource/object.ts";
import { unlimitedCircuitBreakers } from "../circuit-breakers.ts";
import { type FilterContribution, routeKey } from "../filters/filter-contribution.ts";
import type { Findings } from "../findings.ts";
import { loginKeySource } from "../jwt/key-source.ts";
import { onlyEndpoint } from "../load-balancing-policy.ts";
import type { ClosedSecurityPolicy, MeshSnapshot } from "../mesh-snapshot.ts";
import { duration, pack, resourceOf, socketAddress } from "../message.ts";
import { qualifiedName } from "../names.ts";
import { type PolicyTargets, resolvePolicyTargets } from "../policy-targets.ts";
import type { XdsResource } from "../translation.ts";
import { originateTls } from "../transport-socket.ts";
import { HTTP1, httpOptions } from "../upstream-http.ts";

const NAME = "tulle.filters.http.oidc";
/** A provider is far away, and people wait. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Logins are rare: connections need not be kept long. */
const IDLE_TIMEOUT_MS = 60_000;

/** What logins bring to one gateway. */
export interface GatewayLogins {
  readonly filters: readonly FilterContribution[];
  readonly clusters: readonly XdsResource[];
}

type HeldPolicy = SecurityPolicy | ClosedSecurityPolicy;

export type GatewayLoginsOf = (gateway: GatewayAttachment) => GatewayLogins;

/** Resolves the policies once. */
export function resolveLogins(snapshot: MeshSnapshot, findings: Findings): GatewayLoginsOf {
  const policies = snapshot.securityPolicies ?? [];
  const targets = resolvePolicyTargets(
    policies,
    ["Gateway", "HTTPRoute", "GRPCRoute"],
    snapshot,
    findings,
  );
  for (const policy of policies) if (!isClosed(policy)) reportKeys(policy, snapshot, findings);
  return (gateway) => {
    reportStreams(gateway, targets, findings);
    return loginsOf(gateway, targets, snapshot);
  };
}

/** Whoever asks for a login at a whole Gateway may think that it is asked for everywhere. */
function reportStreams(
  { gateway, listeners }: GatewayAttachment,
  targets: PolicyTargets<HeldPolicy>,
  findings: Findings,
): void {
  const policy = targets.of("Gateway", qualifiedName(gateway.metadata));
  const open = listeners.filter(
    ({ listener: { protocol } }) => protocol === "TCP" || protocol === "TLS",
  );
  if (policy === undefined || open.length === 0) return;
  const names = open.map(({ listener }) => listener.name).join(", ");
  const place = { object: keyOf(policy), path: "spec.targetRefs" };
  const message = `nobody is asked to log in at the listeners of Gateway ${gateway.metadata.name} that carry no HTTP: ${names}`;
  findings.add("field-ignored", place, message);
}

function loginsOf(
  { gateway, listeners }: GatewayAttachment,
  targets: PolicyTargets<HeldPolicy>,
  snapshot: MeshSnapshot,
): GatewayLogins {
  const own = targets.of("Gateway", qualifiedName(gateway.metadata));
  const ofRoutes = new Map<string, HeldPolicy>();
  for (const { route } of listeners.flatMap(({ routes }) => routes)) {
    const name = qualifiedName(route.metadata);
    const policy = targets.of(route.kind, name);
    if (policy !== undefined) ofRoutes.set(routeKey(route.kind, name), policy);
  }
  const used = new Set([...(own === undefined ? [] : [own]), ...ofRoutes.values()]);
  if (used.size === 0) return { filters: [], clusters: [] };
  const filter: FilterContribution = {
    name: NAME,
    ofListener: config(own === undefined ? {} : settingsOf(own, snapshot)),
    actsAlways: own !== undefined,
    ofHost: undefined,
    ofRoutes: new Map(
      [...ofRoutes].map(([key, policy]) => {
        const ofRoute = { config: config(settingsOf(policy, snapshot)) };
        return [key, pack(FilterConfigSchema, create(FilterConfigSchema, ofRoute))];
      }),
    ),
  };
  const clusters = [...used].flatMap((policy) => (isClosed(policy) ? [] : [clusterOf(policy)]));
  return { filters: [filter], clusters };
}

function isClosed(policy: HeldPolicy): policy is ClosedSecurityPolicy {
  return "isClosed" in policy.spec;
}

function config(value: JsonObject): Any {
  return pack(TypedStructSchema, create(TypedStructSchema, { typeUrl: OIDC_TYPE_URL, value }));
}

function settingsOf(policy: HeldPolicy, { keySets }: MeshSnapshot): JsonObject {
  if (isClosed(policy)) return { name: qualifiedName(policy.metadata), closed: true };
  const { oidc } = policy.spec;
  const { provider } = oidc;
  const source = loginKeySource(oidc);
  return {
    name: qualifiedName(policy.metadata),
    client_id: oidc.clientID,
    client_secret_file: oidc.clientSecretFile,
    secret_in_body: oidc.clientAuthentication === "Body",
    authorization_endpoint: provider.authorizationEndpoint,
    end_session_endpoint: provider.endSessionEndpoint ?? "",
    token_endpoint: provider.tokenEndpoint,
    cluster: clusterName(policy),
    timeout_ms: durationMs(oidc.timeout),
    redirect_url: oidc.redirectURL ?? "",
    redirect_path: REDIRECT_PATH_DEFAULT,
    logout_path: oidc.logoutPath,
    scopes: [...oidc.scopes],
    forward_access_token: oidc.forwardAccessToken,
    refresh: oidc.refreshToken,
    issuer: provider.issuer,
    jwks: keySets?.get(source.key)?.document ?? NO_KEYS,
    claim_to_headers: oidc.claimToHeaders.map(({ header, claim }) => ({
      header: header.toLowerCase(),
      claim,
    })),
  };
}

function reportKeys(policy: SecurityPolicy, { keySets }: MeshSnapshot, findings: Findings): void {
  const { oidc } = policy.spec;
  const source = loginKeySource(oidc);
  const fetched = keySets?.get(source.key);
  const field = source.issuer === undefined ? "jwksUri" : "issuer";
  const place = { object: keyOf(policy), path: `spec.oidc.provider.${field}` };
  if (fetched?.document === undefined) {
    const code = fetched?.problem === undefined ? "keys-pending" : "keys-missing";
    const why = fetched?.problem ?? "not fetched yet";
    findings.add(
      code,
      place,
      `nobody can log in, since the keys of the issuer are not known: ${source.url}: ${why}`,
    );
  } else if (fetched.problem !== undefined) {
    const message = `keys from before are in use: ${source.url}: ${fetched.problem}`;
    findings.add("keys-stale", place, message);
  }
}

function clusterName({ metadata }: SecurityPolicy): string {
  return `oidc.${metadata.name}.${metadata.namespace}`;
}

function clusterOf(policy: SecurityPolicy): XdsResource {
  const name = clusterName(policy);
  const { tokenEndpoint, caCertificates } = policy.spec.oidc.provider;
  const url = new URL(tokenEndpoint);
  const isTls = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  const endpoint = { address: socketAddress(host, port) };
  const message = create(ClusterSchema, {
    name,
    clusterDiscoveryType: {
      case: "type",
      value: isIP(host) === 0 ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    loadAssignment: {
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: endpoint } }] }],
    },
    connectTimeout: duration(CONNECT_TIMEOUT_MS),
    circuitBreakers: unlimitedCircuitBreakers(),
    loadBalancingPolicy: onlyEndpoint(),
    typedExtensionProtocolOptions: httpOptions(IDLE_TIMEOUT_MS, HTTP1),
    ...(isTls
      ? {
          transportSocket: originateTls({
            sni: isIP(host) === 0 ? host : "",
            alpn: ["http/1.1"],
            dnsNames: [host],
            caCertificates,
          }),
        }
      : {}),
  });
  return resourceOf(ClusterSchema, name, message);
}
