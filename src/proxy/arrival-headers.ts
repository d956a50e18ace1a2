/**
 * Header fields of a request on its arrival: what a client may not say is taken away, and what routes, policies and the
 * app rely on is written by this proxy. At the edge (`use_remote_address`) clients are strangers, whatever their address.
 */
import type { FieldError } from "../decision/field-error.ts";
import { HttpProtocolOptions_HeadersWithUnderscoresAction as Underscores } from "../gen/envoy/config/core/v3/protocol_pb.js";
import type { HttpConnectionManager } from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HeaderBlock } from "../http/header-block.ts";
import { HeaderField, HeaderName } from "../http/header-field.ts";
import { HEADER } from "../http/header-name.ts";
import { NameFamily } from "../http/name-family.ts";
import { newRequestId } from "../telemetry/request-id.ts";
import { type ClientAddressRule, compileClientAddress } from "./config/client-address.ts";
import { type ClientCertRule, compileClientCertRule } from "./config/client-cert-rule.ts";
import { compileInternalAddresses, type InternalAddresses } from "./config/internal-addresses.ts";
import type { RequestOutcome } from "./request-outcome.ts";

const X_FORWARDED_PROTO = new HeaderName("x-forwarded-proto");
const X_REQUEST_ID = new HeaderName("x-request-id");
const X_ENVOY_INTERNAL = new HeaderField(new HeaderName("x-envoy-internal"), "true");
const PROTO = {
  http: new HeaderField(X_FORWARDED_PROTO, "http"),
  https: new HeaderField(X_FORWARDED_PROTO, "https"),
} as const;

/** What only requests of a listener's own network may ask for, as in Envoy. */
const INTERNAL_ONLY: ReadonlySet<string> = new Set([
  "x-envoy-internal",
  "x-envoy-retriable-status-codes",
  "x-envoy-retriable-header-names",
  "x-envoy-retry-on",
  "x-envoy-retry-grpc-on",
  "x-envoy-max-retries",
  "x-envoy-upstream-alt-stat-name",
  "x-envoy-upstream-rq-timeout-ms",
  "x-envoy-upstream-rq-per-try-timeout-ms",
  "x-envoy-upstream-rq-timeout-alt-response",
  "x-envoy-expected-rq-timeout-ms",
  "x-envoy-force-trace",
  "x-envoy-ip-tags",
  "x-envoy-original-url",
  "x-envoy-hedge-on-per-try-timeout",
]);
/** They have rules of their own. */
const RULED_FORWARDED: ReadonlySet<string> = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-client-cert",
]);

/** What whoever is not of the listener's own network may not say where a proxy is not at the edge. */
const INTERNAL_FAMILY = new NameFamily("x-envoy-", (name) => INTERNAL_ONLY.has(name));
/** What proxies tell each other: nobody outside may say any of it (CVE-2023-27487). */
const PRIVATE_FAMILIES = [
  new NameFamily("x-envoy-", () => true),
  new NameFamily("x-tulle-", () => true),
] as const;
const FORWARDED_FAMILY = new NameFamily("x-forwarded-", (name) => !RULED_FORWARDED.has(name));

export class ArrivalHeaders {
  /** Whose `x-envoy-*` fields are obeyed. Undefined: nobody's. */
  readonly #internal: InternalAddresses | undefined;
  readonly #client: ClientAddressRule;
  readonly #clientCert: ClientCertRule;
  readonly #underscores: Underscores;
  readonly #generatesRequestId: boolean;
  readonly #keepsExternalId: boolean;

  constructor(manager: HttpConnectionManager, path: string, errors: FieldError[]) {
    this.#client = compileClientAddress(manager, path, errors);
    this.#internal = compileInternalAddresses(
      manager.internalAddressConfig,
      `${path}.internal_address_config`,
      errors,
    );
    this.#clientCert = compileClientCertRule(manager, path, errors);
    this.#underscores =
      manager.commonHttpProtocolOptions?.headersWithUnderscoresAction ?? Underscores.ALLOW;
    this.#generatesRequestId = manager.generateRequestId ?? true;
    this.#keepsExternalId = manager.preserveExternalRequestId;
  }

  /** Returns false for a request that is to be refused: a name has an underscore, which servers of CGI read as `-`. */
  admits(headers: HeaderBlock): boolean {
    if (this.#underscores === Underscores.ALLOW) return true;
    if (this.#underscores === Underscores.REJECT_REQUEST) return !headers.hasUnderscoreName();
    headers.dropUnderscoreNames();
    return true;
  }

  /** To be called before the route is chosen. */
  prepare(outcome: RequestOutcome, headers: HeaderBlock): void {
    const { connection } = outcome;
    const client = this.#client;
    outcome.clientAddress = client.clientOf(headers, connection.remoteAddress);
    outcome.isInternal =
      this.#internal?.has(outcome.clientAddress) === true && client.isDirect(headers);
    if (outcome.isInternal) headers.set(X_ENVOY_INTERNAL);
    else this.#dropInternal(headers);
    client.append(headers, connection.remoteAddress);
    this.#clientCert.apply(headers, connection.peerCertificate);
    if (client.isEdge) this.#distrust(headers);
    if (headers.indexOf(HEADER["x-forwarded-proto"]) < 0) headers.add(PROTO[connection.scheme]);
    if (this.#generatesRequestId) ensureRequestId(outcome, headers);
  }

  #dropInternal(headers: HeaderBlock): void {
    if (!this.#client.isEdge) {
      headers.dropFamily(INTERNAL_FAMILY);
      return;
    }
    for (const family of PRIVATE_FAMILIES) headers.dropFamily(family);
    // A trusted proxy in front may tell what its client asked it for.
    if (this.#client.trustedHops === 0) headers.dropFamily(FORWARDED_FAMILY);
  }

  /** Nobody outside says how a request came, or which one it belongs to. */
  #distrust(headers: HeaderBlock): void {
    if (this.#client.trustedHops === 0) headers.remove(X_FORWARDED_PROTO);
    if (!this.#keepsExternalId) headers.remove(X_REQUEST_ID);
  }
}

/** Keeps the id that came, so that one id follows a request through the mesh. */
function ensureRequestId(outcome: RequestOutcome, headers: HeaderBlock): void {
  const at = headers.indexOf(HEADER["x-request-id"]);
  if (at >= 0) {
    outcome.requestId = headers.value(at);
    return;
  }
  outcome.requestId = newRequestId();
  headers.add(new HeaderField(X_REQUEST_ID, outcome.requestId));
}
