/**
 * Applies what xDS brings: decodes, checks and compiles each resource, subscribes to what it refers
 * to, and binds a listener only when its routes and secrets are there, so that a proxy never answers
 * "no route" just because its configuration is still on the way.
 */
import { type DescMessage, fromBinary, type Message, type MessageShape } from "@bufbuild/protobuf";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Prng } from "../core/prng.ts";
import type { FieldError } from "../decision/field-error.ts";
import { RouteTable } from "../decision/route-table.ts";
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../gen/envoy/config/route/v3/route_pb.js";
import {
  type Secret,
  SecretSchema,
} from "../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { ResourceConsumer, ResourceError, ResourceUpdate } from "../xds/resource-consumer.ts";
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
} from "../xds/type-urls.ts";
import { type ClusterConfig, compileCluster } from "./config/cluster-config.ts";
import { compileEndpoints } from "./config/endpoint-config.ts";
import {
  compileListener,
  type ListenerConfig,
  routeNamesOf,
  tlsSettingsOf,
} from "./config/listener-config.ts";
import { messageRegistry } from "./config/message-registry.ts";
import { compileCertificate, compileValidation, type TlsSettings } from "./config/tls-settings.ts";
import { unsupportedFields } from "./config/unsupported-fields.ts";
import type { DataPlane } from "./data-plane.ts";
import type { EndpointInfo } from "./endpoint.ts";
import { readDenyList } from "./identity-policy-secret.ts";
import { type BindError, ListenerBinder } from "./listener-binder.ts";
import { assertUsable, readCertificate, readValidation } from "./secret-store.ts";

/** The part of the ADS client that is needed here. */
export interface Subscriptions {
  subscribe(typeUrl: string, names: readonly string[] | "*"): void;
  unsubscribe(typeUrl: string, names: readonly string[]): void;
}

export interface AppliedResource {
  readonly version: string;
  readonly bytes: Uint8Array;
}

interface PreparedResource {
  readonly name: string;
  readonly resource: AppliedResource;
  /** Undefined when it is in force already. Must not fail. */
  readonly apply: (() => void) | undefined;
}

/** An update compiled. Applies to the state in which it was made. */
export interface PreparedResources {
  readonly typeUrl: string;
  readonly resources: readonly PreparedResource[];
  readonly removed: readonly string[];
  readonly errors: readonly ResourceError[];
}

export interface DynamicResourcesOptions {
  readonly proxy: DataPlane;
  readonly log: Logger;
  readonly clock: Clock;
  readonly prng: Prng;
  /** Secrets that this process makes itself and does not ask for. */
  readonly ownSecrets: ReadonlySet<string>;
  /** Secrets that are asked for whether or not listeners and clusters name them. */
  readonly followedSecrets?: readonly string[];
  readonly onReady: () => void;
}

const NAMED_TYPES = [ENDPOINT_TYPE_URL, ROUTE_TYPE_URL, SECRET_TYPE_URL] as const;

export class DynamicResources implements ResourceConsumer {
  readonly #options: DynamicResourcesOptions;
  readonly #clusters = new Map<string, ClusterConfig>();
  readonly #listeners = new Map<string, ListenerConfig>();
  /** Listeners that wait for their routes or secrets. */
  readonly #warming = new Map<string, ListenerConfig>();
  readonly #assignments = new Map<string, readonly EndpointInfo[]>();
  readonly #subscribed = new Map<string, Set<string>>(NAMED_TYPES.map((type) => [type, new Set()]));
  readonly #missing = new Set<string>();
  readonly #applied = new Map<string, Map<string, AppliedResource>>();
  readonly #binder: ListenerBinder;
  #subscriptions: Subscriptions | undefined;
  #isReady = false;

  constructor(options: DynamicResourcesOptions) {
    this.#options = options;
    this.#binder = new ListenerBinder(options);
    options.proxy.secrets.onChange(() => this.#settle());
  }

  /** Asks for the listeners and clusters of this node. */
  begin(subscriptions: Subscriptions): void {
    this.#subscriptions = subscriptions;
    subscriptions.subscribe(CLUSTER_TYPE_URL, "*");
    subscriptions.subscribe(LISTENER_TYPE_URL, "*");
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Why listeners are not bound, by name. */
  get bindErrors(): ReadonlyMap<string, BindError> {
    return this.#binder.errors;
  }

  get warming(): readonly string[] {
    return [...this.#warming.keys()];
  }

  /** Resources in force of one type, by name. */
  applied(typeUrl: string): ReadonlyMap<string, AppliedResource> {
    return this.#applied.get(typeUrl) ?? new Map();
  }

  onUpdate(update: ResourceUpdate): readonly ResourceError[] {
    const prepared = this.prepare(update);
    this.commit(prepared);
    return prepared.errors;
  }

  /** Decodes and compiles an update and changes nothing: what is wrong with it, and how to apply it. */
  prepare({ typeUrl, changed, removed }: ResourceUpdate): PreparedResources {
    const errors: ResourceError[] = [];
    const resources: PreparedResource[] = [];
    const applied = this.applied(typeUrl);
    for (const { name, version, bytes } of changed) {
      const known = applied.get(name);
      // A full-state response repeats what has not changed: applying it would cost connections.
      if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) {
        resources.push({ name, resource: { version, bytes: known.bytes }, apply: undefined });
        continue;
      }
      const found: FieldError[] = [];
      const apply = this.#compile(typeUrl, name, bytes, found);
      for (const { path, message } of found) {
        errors.push({ name, message: path === "" ? message : `${path}: ${message}` });
      }
      if (found.length > 0 || apply === undefined) continue;
      resources.push({ name, resource: { version, bytes: Uint8Array.from(bytes) }, apply });
    }
    return { typeUrl, resources, removed, errors };
  }

  /** Applies what was prepared last, but for what others refused. */
  commit(prepared: PreparedResources, refused: ReadonlySet<string> = new Set()): void {
    const { typeUrl, resources, removed } = prepared;
    const applied = this.#applied.get(typeUrl) ?? new Map<string, AppliedResource>();
    this.#applied.set(typeUrl, applied);
    for (const { name, resource, apply } of resources) {
      if (refused.has(name)) continue;
      applied.set(name, resource);
      if (apply === undefined) continue;
      apply();
      this.#missing.delete(name);
    }
    for (const name of removed) {
      applied.delete(name);
      this.#remove(typeUrl, name);
    }
    this.#updateSubscriptions();
    this.#settle();
  }

  /** Runs `task` when every listener that could be bound by now is bound. */
  whenBound(task: () => void): void {
    this.#binder.afterAll(task);
  }

  onMissing(typeUrl: string, names: readonly string[]): void {
    for (const name of names) {
      this.#missing.add(name);
      if (name === "*" && !this.#applied.has(typeUrl)) this.#applied.set(typeUrl, new Map());
    }
    this.#settle();
  }

  /** How to apply a resource, or undefined when `errors` says why not. */
  #compile(
    typeUrl: string,
    name: string,
    bytes: Uint8Array,
    errors: FieldError[],
  ): (() => void) | undefined {
    switch (typeUrl) {
      case CLUSTER_TYPE_URL:
        return this.#compileCluster(name, bytes, errors);
      case ENDPOINT_TYPE_URL:
        return this.#compileEndpoints(name, bytes, errors);
      case LISTENER_TYPE_URL:
        return this.#compileListener(name, bytes, errors);
      case ROUTE_TYPE_URL:
        return this.#compileRoutes(name, bytes, errors);
      case SECRET_TYPE_URL:
        return this.#compileSecret(name, bytes, errors);
      default:
        errors.push({ path: "", message: `${typeUrl} is not implemented` });
        return undefined;
    }
  }

  #compileCluster(name: string, bytes: Uint8Array, errors: FieldError[]): (() => void) | undefined {
    const message = decode(ClusterSchema, bytes, errors);
    if (message === undefined) return undefined;
    checkName(name, message.name, "name", errors);
    const config = compileCluster(message, errors);
    return () => {
      this.#clusters.set(config.name, config);
      this.#options.proxy.setCluster(config);
      const endpoints = this.#assignments.get(config.endpointsName);
      if (endpoints !== undefined) this.#options.proxy.setEndpoints(config.name, endpoints);
    };
  }

  #compileEndpoints(
    name: string,
    bytes: Uint8Array,
    errors: FieldError[],
  ): (() => void) | undefined {
    const message = decode(ClusterLoadAssignmentSchema, bytes, errors);
    if (message === undefined) return undefined;
    checkName(name, message.clusterName, "cluster_name", errors);
    const endpoints = compileEndpoints(message, "", errors);
    return () => {
      this.#assignments.set(message.clusterName, endpoints);
      for (const cluster of this.#clusters.values()) {
        if (cluster.endpointsName !== message.clusterName) continue;
        this.#options.proxy.setEndpoints(cluster.name, endpoints);
      }
    };
  }

  #compileListener(
    name: string,
    bytes: Uint8Array,
    errors: FieldError[],
  ): (() => void) | undefined {
    const message = decode(ListenerSchema, bytes, errors);
    if (message === undefined) return undefined;
    checkName(name, message.name, "name", errors);
    const config = compileListener(message, errors, () => this.#options.clock.nowMs());
    if (config === undefined) return undefined;
    return () => {
      this.#listeners.set(config.name, config);
      this.#warming.set(config.name, config);
    };
  }

  #compileRoutes(name: string, bytes: Uint8Array, errors: FieldError[]): (() => void) | undefined {
    const message = decode(RouteConfigurationSchema, bytes, errors);
    if (message === undefined) return undefined;
    checkName(name, message.name, "name", errors);
    const table = new RouteTable(message, errors);
    return () => this.#options.proxy.setRouteTable(message.name, table);
  }

  #compileSecret(name: string, bytes: Uint8Array, errors: FieldError[]): (() => void) | undefined {
    const message = decode(SecretSchema, bytes, errors);
    if (message === undefined) return undefined;
    checkName(name, message.name, "name", errors);
    try {
      return this.#readSecret(message, errors);
    } catch (error) {
      errors.push({ path: "", message: messageOf(error) });
      return undefined;
    }
  }

  /** Throws for a file that cannot be read, and for a key that does not fit. */
  #readSecret(secret: Secret, errors: FieldError[]): (() => void) | undefined {
    const { name, type } = secret;
    const { secrets } = this.#options.proxy;
    if (type.case === "tlsCertificate") {
      const source = compileCertificate(type.value, "tls_certificate", errors);
      if (errors.length > 0) return undefined;
      const certificate = readCertificate(source);
      assertUsable(certificate);
      return () => secrets.setCertificate(name, certificate);
    }
    if (type.case === "validationContext") {
      const source = compileValidation(type.value, "validation_context", errors);
      if (errors.length > 0) return undefined;
      const validation = readValidation(source);
      return () => secrets.setValidation(name, validation);
    }
    if (type.case === "genericSecret") {
      const denied = readDenyList(secret, "", errors);
      return denied && (() => secrets.deniedPeers.set(denied));
    }
    errors.push({ path: "", message: "one of tls_certificate, validation_context is required" });
    return undefined;
  }

  #remove(typeUrl: string, name: string): void {
    const { proxy, log } = this.#options;
    switch (typeUrl) {
      case CLUSTER_TYPE_URL:
        this.#clusters.delete(name);
        proxy.removeCluster(name);
        break;
      case LISTENER_TYPE_URL:
        this.#listeners.delete(name);
        this.#warming.delete(name);
        this.#binder.remove(name);
        break;
      case ENDPOINT_TYPE_URL:
        this.#assignments.delete(name);
        for (const cluster of this.#clusters.values()) {
          if (cluster.endpointsName === name) proxy.setEndpoints(cluster.name, []);
        }
        break;
      case ROUTE_TYPE_URL:
        proxy.removeRoutes(name);
        break;
      case SECRET_TYPE_URL:
        // A secret in use is kept: without it nothing could connect, and its end is in its certificate.
        log.warn("the control plane withdrew a secret; the last one stays in use", { name });
        break;
      default:
        break;
    }
  }

  /** Subscribes to what clusters and listeners refer to, and no longer to what none does. */
  #updateSubscriptions(): void {
    const secrets = new Set<string>(this.#options.followedSecrets);
    const endpoints = new Set<string>();
    const routes = new Set<string>();
    for (const cluster of this.#clusters.values()) {
      if (cluster.endpointsName !== "") endpoints.add(cluster.endpointsName);
      for (const name of secretNames(cluster.tls)) secrets.add(name);
    }
    for (const listener of this.#listeners.values()) {
      for (const name of routeNamesOf(listener)) routes.add(name);
      for (const name of secretNamesOf(listener)) secrets.add(name);
    }
    for (const name of this.#options.ownSecrets) secrets.delete(name);
    this.#subscribeTo(ENDPOINT_TYPE_URL, endpoints);
    this.#subscribeTo(SECRET_TYPE_URL, secrets);
    this.#subscribeTo(ROUTE_TYPE_URL, routes);
  }

  #subscribeTo(typeUrl: string, wanted: ReadonlySet<string>): void {
    const current = this.#subscribed.get(typeUrl) ?? new Set();
    const added = [...wanted].filter((name) => !current.has(name));
    const removed = [...current].filter((name) => !wanted.has(name));
    if (added.length > 0) this.#subscriptions?.subscribe(typeUrl, added);
    if (removed.length > 0) {
      this.#subscriptions?.unsubscribe(typeUrl, removed);
      // The client forgets these without telling; so do we.
      for (const name of removed) {
        this.#applied.get(typeUrl)?.delete(name);
        if (typeUrl === ENDPOINT_TYPE_URL) this.#assignments.delete(name);
        if (typeUrl === ROUTE_TYPE_URL) this.#options.proxy.removeRoutes(name);
      }
    }
    this.#subscribed.set(typeUrl, new Set(wanted));
  }

  /** Binds listeners whose references have arrived, and tells once when nothing is awaited any more. */
  #settle(): void {
    for (const [name, config] of this.#warming) {
      if (!this.#isWarm(config)) continue;
      this.#warming.delete(name);
      this.#binder.bind(config);
    }
    if (this.#isReady || !this.#hasEverything()) return;
    this.#isReady = true;
    this.#binder.afterAll(this.#options.onReady);
  }

  #isWarm(config: ListenerConfig): boolean {
    const { proxy } = this.#options;
    const hasRoutes = (name: string): boolean =>
      proxy.routeTables.has(name) || this.#missing.has(name);
    const hasSecret = (name: string): boolean =>
      proxy.secrets.names.includes(name) || this.#missing.has(name);
    return routeNamesOf(config).every(hasRoutes) && secretNamesOf(config).every(hasSecret);
  }

  #hasEverything(): boolean {
    if (!this.#applied.has(CLUSTER_TYPE_URL) || !this.#applied.has(LISTENER_TYPE_URL)) return false;
    if (this.#warming.size > 0) return false;
    for (const [typeUrl, names] of this.#subscribed) {
      const applied = this.applied(typeUrl);
      for (const name of names) if (!applied.has(name) && !this.#missing.has(name)) return false;
    }
    return true;
  }
}

function secretNamesOf(listener: ListenerConfig): readonly string[] {
  return tlsSettingsOf(listener).flatMap(secretNames);
}

function secretNames(tls: TlsSettings | undefined): string[] {
  const names: string[] = [];
  if (tls?.certificate?.kind === "named") names.push(tls.certificate.name);
  if (tls?.validation?.kind === "named") names.push(tls.validation.name);
  return names;
}

/** The message, or undefined when `errors` says what cannot be read or is not implemented. */
/** A resource that is delivered as one and calls itself another would take the place of what it is not. */
function checkName(name: string, own: string, field: string, errors: FieldError[]): void {
  if (own === name) return;
  const message = own === "" ? "a name is required" : `is ${own}, but the resource came as ${name}`;
  errors.push({ path: field, message });
}

function decode<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
  errors: FieldError[],
): MessageShape<Desc> | undefined {
  let message: MessageShape<Desc>;
  try {
    message = fromBinary(schema, bytes);
  } catch (error) {
    errors.push({ path: "", message: `malformed: ${messageOf(error)}` });
    return undefined;
  }
  errors.push(...unsupportedFields(schema, message as Message, messageRegistry));
  return errors.length > 0 ? undefined : message;
}
