/** What authorization policies say of a request or a connection that is only described: `tulle authz check`. Pure. */
import type { RbacConnection } from "../../decision/rbac/rbac-connection.ts";
import { ruleText } from "../../decision/rbac/rule-name.ts";
import {
  type AuthorizationVerdict,
  type DryRun,
  judgeConnection,
  judgeRequest,
  type Question,
  type RuleVerdict,
} from "../../decision/rbac/verdict.ts";
import type { RequestView } from "../../decision/request-view.ts";
import type { Listener } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { targetPortOf } from "../../resource/kinds/service.ts";
import { Findings } from "../../translate/findings.ts";
import { inboundResources } from "../../translate/inbound-listener.ts";
import { buildMeshIndex, isSelected, type MeshIndex } from "../../translate/mesh-index.ts";
import type {
  MeshInstance,
  MeshInstancePort,
  MeshService,
  MeshSnapshot,
  ProxyScope,
} from "../../translate/mesh-snapshot.ts";
import {
  inboundListenerName,
  qualifiedName,
  serviceHost,
  spiffeId,
} from "../../translate/names.ts";
import { providerOfDryRun } from "../../translate/rbac/custom-provider.ts";
import type {
  AuthzCheckRequest,
  AuthzCheckResponse,
  AuthzQuestion,
  AuthzVerdict,
} from "../authz-types.ts";
import { badRequest, notFound } from "../explain/explain-error.ts";
import { explainedRequest, requestView } from "../explain/explained-request.ts";
import { type InboundRules, inboundRules } from "./inbound-rules.ts";

/** A caller without an identity. */
const ANONYMOUS = "anonymous";
const INBOUND_PORT_SUPPOSED = 15_006;

/** One workload that would be called, at one of its ports. */
interface Destination {
  readonly instance: MeshInstance;
  readonly port: MeshInstancePort;
}

/** A workload that may serve nothing, and calls others. */
export interface KnownCaller {
  readonly namespace: string;
  /** Of the instance. */
  readonly name: string;
  readonly service: string;
  readonly serviceAccount: string;
}

/** `callers` are those that are connected. Throws an API error when a name fits nothing. */
export function checkAuthorization(
  asked: AuthzCheckRequest,
  snapshot: MeshSnapshot,
  callers: readonly KnownCaller[],
): AuthzCheckResponse {
  return authorizationChecker(snapshot, callers)(asked);
}

/** The same for many questions: what a workload's sidecar would get is made once. */
export function authorizationChecker(
  snapshot: MeshSnapshot,
  callers: readonly KnownCaller[],
): (asked: AuthzCheckRequest) => AuthzCheckResponse {
  const known = new Map<string, InboundRules>();
  const index = buildMeshIndex(snapshot, new Findings());
  const rulesOf = (destination: Destination): InboundRules => {
    const key = `${qualifiedName(destination.instance)} ${destination.port.port}`;
    const rules = known.get(key) ?? inboundRules(listenerOf(destination, index));
    known.set(key, rules);
    return rules;
  };
  return (asked) => {
    const namespace = asked.namespace ?? "default";
    const principal = principalOf(asked.from, namespace, { snapshot, callers });
    const { destinations, host } = destinationsOf(asked, namespace, snapshot);
    const judged = destinations.map((destination) => ({
      destination,
      ...judgeAt(asked, rulesOf(destination), { destination, principal, host }),
    }));
    const [first] = judged;
    const verdicts = grouped(judged);
    return {
      allowed: verdicts.every(({ allowed }) => allowed),
      principal,
      protocol: asked.path === undefined ? "tcp" : "http",
      method: asked.path === undefined ? "" : (asked.method ?? "GET").toUpperCase(),
      path: first?.path ?? "",
      verdicts,
    };
  };
}

/** The verdicts alone, of a workload that may be gone. */
export function authorizationOf(
  asked: AuthzCheckRequest,
  snapshot: MeshSnapshot,
  callers: readonly KnownCaller[],
): readonly AuthzVerdict[] {
  try {
    return checkAuthorization(asked, snapshot, callers).verdicts;
  } catch {
    return [];
  }
}

/** The identity of who asks. */
function principalOf(
  from: string,
  namespace: string,
  {
    snapshot,
    callers,
  }: { readonly snapshot: MeshSnapshot; readonly callers: readonly KnownCaller[] },
): string {
  if (from === ANONYMOUS) return "";
  if (from.startsWith("spiffe://")) return from;
  const { trustDomain, instances, services } = snapshot;
  const wanted = nameOf(from, namespace);
  const inNamespace = callers.filter((one) => one.namespace === wanted.namespace);
  const caller =
    inNamespace.find(({ name }) => name === wanted.name) ??
    inNamespace.find(({ service }) => service === wanted.name);
  if (caller !== undefined) return spiffeId(trustDomain, wanted.namespace, caller.serviceAccount);
  const instance = instances.find((one) => qualifiedName(one) === qualifiedName(wanted));
  if (instance !== undefined) {
    return spiffeId(trustDomain, instance.namespace, instance.serviceAccount);
  }
  const service = findService(wanted, services);
  if (service !== undefined) {
    const [behind] = instancesOf(service, instances);
    return spiffeId(trustDomain, wanted.namespace, behind?.serviceAccount ?? wanted.name);
  }
  const names = [...instances, ...callers, ...services.map(({ resource }) => resource.metadata)];
  throw notFound(
    `no workload and no Service is called ${JSON.stringify(from)}; an identity begins with spiffe://, and ${ANONYMOUS} has none`,
    wanted.name,
    names.map(({ name }) => name),
  );
}

interface Destinations {
  readonly destinations: readonly Destination[];
  /** By which callers reach it. */
  readonly host: string;
}

function destinationsOf(
  { to, port }: AuthzCheckRequest,
  namespace: string,
  snapshot: MeshSnapshot,
): Destinations {
  const wanted = nameOf(to, namespace);
  const { instances, services, trustDomain } = snapshot;
  const service = findService(wanted, services);
  if (service === undefined) {
    const instance = instances.find((one) => qualifiedName(one) === qualifiedName(wanted));
    if (instance !== undefined) {
      return { destinations: [{ instance, port: portOf(instance, port) }], host: wanted.name };
    }
    const names = [...services.map(({ resource }) => resource.metadata), ...instances];
    throw notFound(
      `no Service and no workload is called ${JSON.stringify(to)}`,
      wanted.name,
      names.map(({ name }) => name),
    );
  }
  const { spec, metadata } = service.resource;
  const servicePort =
    port === undefined ? spec.ports[0] : spec.ports.find((one) => one.port === port);
  if (servicePort === undefined) {
    const there = spec.ports.map((one) => one.port).join(", ");
    throw badRequest(
      `Service ${qualifiedName(metadata)} has no port ${port ?? ""}`,
      `its ports are ${there}`,
    );
  }
  const target = targetPortOf(servicePort);
  const behind = instancesOf(service, instances);
  const found = (behind.length === 0 ? [supposed(service)] : behind).map((instance) => {
    const known = instance.ports.find((one) => one.port === target || one.name === target);
    return { instance, port: known ?? supposedPort(target) };
  });
  return { destinations: found, host: serviceHost(metadata, trustDomain).split(".")[0] ?? "" };
}

function nameOf(
  text: string,
  namespace: string,
): { readonly namespace: string; readonly name: string } {
  const slash = text.indexOf("/");
  return slash < 0
    ? { namespace, name: text }
    : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

function findService(
  wanted: { readonly namespace: string; readonly name: string },
  services: readonly MeshService[],
): MeshService | undefined {
  return services.find(
    ({ resource }) => qualifiedName(resource.metadata) === qualifiedName(wanted),
  );
}

function instancesOf(
  { resource }: MeshService,
  instances: readonly MeshInstance[],
): readonly MeshInstance[] {
  const { namespace } = resource.metadata;
  return instances.filter(
    (one) => one.namespace === namespace && isSelected(one.labels, resource.spec.selector),
  );
}

/** What a Service would lead to if it led to anything. */
function supposed({ resource }: MeshService): MeshInstance {
  const { namespace, name } = resource.metadata;
  return {
    ...{ name, namespace, serviceAccount: name, labels: resource.spec.selector ?? {}, zone: "" },
    ...{ address: "127.0.0.1", ports: [], health: "unknown", weight: 1 },
  };
}

function supposedPort(target: number | string): MeshInstancePort {
  const isNumber = typeof target === "number";
  return {
    name: isNumber ? "" : target,
    port: isNumber ? target : INBOUND_PORT_SUPPOSED,
    inboundPort: INBOUND_PORT_SUPPOSED,
    protocol: "http",
  };
}

function portOf({ name, ports }: MeshInstance, port: number | undefined): MeshInstancePort {
  const found = port === undefined ? ports[0] : ports.find((one) => one.port === port);
  if (found !== undefined) return found;
  const there = ports.map((one) => one.port).join(", ") || "none";
  throw badRequest(`${name} has no port ${port ?? ""}`, `its ports are ${there}`);
}

function listenerOf({ instance, port }: Destination, index: MeshIndex): Listener {
  const inboundPort = port.inboundPort ?? INBOUND_PORT_SUPPOSED;
  const { name, namespace, serviceAccount, labels, zone, address } = instance;
  const scope: ProxyScope = {
    ...{ nodeId: name, namespace, serviceAccount, labels, zone, address },
    ports: [{ ...port, inboundPort }],
    loopbackBlock: "127.64.0.0/18",
    role: "sidecar",
  };
  const wanted = inboundListenerName(inboundPort);
  const { listeners } = inboundResources(index, scope);
  const found = listeners.find((listener) => listener.name === wanted);
  if (found === undefined) throw badRequest(`${name} serves nothing at port ${port.port}`);
  return found.message as Listener;
}

interface CallContext {
  readonly destination: Destination;
  readonly principal: string;
  readonly host: string;
}

interface JudgedCall {
  readonly verdict: AuthorizationVerdict;
  readonly path: string;
}

function judgeAt(asked: AuthzCheckRequest, rules: InboundRules, context: CallContext): JudgedCall {
  const { instance, port } = context.destination;
  const connection: RbacConnection = {
    peerPrincipal: context.principal,
    remoteAddress: asked.sourceIp ?? "127.0.0.1",
    localAddress: instance.address,
    localPort: port.inboundPort ?? INBOUND_PORT_SUPPOSED,
    serverName: "",
  };
  if (asked.path === undefined) {
    if (rules.tcp !== undefined)
      return { verdict: judgeConnection(rules.tcp, connection), path: "" };
    throw badRequest(
      `port ${port.port} of ${instance.name} takes HTTP only`,
      "say a METHOD and a PATH",
    );
  }
  if (rules.http === undefined) {
    throw badRequest(
      `port ${port.port} of ${instance.name} carries no HTTP`,
      "leave METHOD and PATH out",
    );
  }
  const { manager, rules: filters } = rules.http;
  const request = requestOf({ ...asked, path: asked.path }, context.host, manager);
  return { verdict: judgeRequest(filters, request, connection), path: request.path };
}

function requestOf(
  { method = "GET", path, headers = [], claims }: AuthzCheckRequest & { readonly path: string },
  host: string,
  manager: NonNullable<InboundRules["http"]>["manager"],
): RequestView {
  const question = path.indexOf("?");
  const target = {
    ...({ scheme: "http", host, port: 80, authority: host } as const),
    path: question < 0 ? path : path.slice(0, question),
    query: question < 0 ? "" : path.slice(question + 1),
  };
  const supposed = claims === undefined ? {} : { claims };
  const explained = explainedRequest({ method, url: "", headers, ...supposed }, target, manager);
  return requestView(explained, target);
}

interface Judged extends JudgedCall {
  readonly destination: Destination;
}

const ACTIONS = { allow: "ALLOW", deny: "DENY", log: null } as const;

/** Workloads of which the same is said, together. */
function grouped(judged: readonly Judged[]): readonly AuthzVerdict[] {
  const groups = new Map<
    string,
    { verdict: Omit<AuthzVerdict, "workloads">; workloads: string[] }
  >();
  for (const { destination, verdict } of judged) {
    const view = viewOf(verdict);
    const key = JSON.stringify(view);
    const workload = qualifiedName(destination.instance);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { verdict: view, workloads: [workload] });
    else group.workloads.push(workload);
  }
  return [...groups.values()].map(({ verdict, workloads }) => ({ workloads, ...verdict }));
}

function viewOf({
  isAllowed,
  deciding,
  dryRuns,
  questions,
}: AuthorizationVerdict): Omit<AuthzVerdict, "workloads"> {
  const policy = deciding?.isMatched === true ? deciding.policy : undefined;
  return {
    allowed: isAllowed,
    action: deciding === undefined ? null : ACTIONS[deciding.action],
    policy: policy?.policy ?? null,
    rule: policy?.rule ?? null,
    condition: deciding?.condition || null,
    reason:
      deciding?.reason ?? `no ${questions.length > 0 ? "other " : ""}policy has a say about it`,
    dryRuns: dryRuns.map(dryRunText),
    asks: questions.map(questionOf),
  };
}

function dryRunText(dryRun: DryRun): string {
  const provider = providerOfDryRun(dryRun.shadowPrefix);
  return provider === undefined ? dryRun.reason : askingText(provider, dryRun);
}

function questionOf({ label, allowsOnFailure, chosenBy }: Question): AuthzQuestion {
  return {
    provider: label,
    policy: chosenBy?.policy?.policy ?? null,
    rule: chosenBy?.policy?.rule ?? null,
    withoutAnswer: allowsOnFailure ? "allowed" : "denied",
    reason: chosenBy === undefined ? `${label} is asked` : askingText(label, chosenBy),
  };
}

function askingText(provider: string, { policy, held }: RuleVerdict): string {
  return `${policy === undefined ? "a policy" : ruleText(policy)} asks ${provider}: ${held}`;
}
