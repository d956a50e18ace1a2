/** What arrives at the edge of a mesh, what must be left of it (T23, T25), and the listeners that see to it. */
import type { JsonObject } from "@bufbuild/protobuf";
import { HTTP2_CLUSTER } from "./http2-options.ts";
import { bootstrapOf, type ListenerSpec, routeTo } from "./proxy-bootstrap.ts";
import { containedTls, idFor, type KeyPair, keyPair, rootOf } from "./proxy-identities.ts";

export interface EdgeCase {
  readonly listener: string;
  readonly host?: string;
  readonly lines?: readonly string[];
  /** What the app gets of these fields: undefined for nothing. */
  readonly gets?: Readonly<Record<string, string | RegExp | undefined>>;
  /** 200 where nothing is said. */
  readonly status?: number;
  /** Why a real Envoy does something else. */
  readonly unlikeEnvoy?: string;
}

const EDGE = { use_remote_address: true };
const XFF = "type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig";
const LISTENERS: Readonly<Record<string, JsonObject>> = {
  edge: EDGE,
  "edge behind a proxy": { ...EDGE, xff_num_trusted_hops: 1 },
  "edge that says nothing": { ...EDGE, skip_xff_append: true },
  "edge that keeps ids": { ...EDGE, preserve_external_request_id: true },
  inside: {},
  "inside, one hop": { xff_num_trusted_hops: 1 },
  "inside, by extension": {
    original_ip_detection_extensions: [
      { name: "xff", typed_config: { "@type": XFF, xff_num_trusted_hops: 1 } },
    ],
  },
  "inside, nobody believed": { xff_num_trusted_hops: 0xffff_ffff },
  "underscores refused": {
    common_http_protocol_options: { headers_with_underscores_action: "REJECT_REQUEST" },
  },
  "underscores dropped": {
    common_http_protocol_options: { headers_with_underscores_action: "DROP_HEADER" },
  },
  "one host": { strip_any_host_port: true, strip_trailing_host_dot: true },
  "matching port": { strip_matching_host_port: true },
  "appends without TLS": { forward_client_cert_details: "APPEND_FORWARD" },
  "forwards without TLS": { forward_client_cert_details: "FORWARD_ONLY" },
  "sets without TLS": { forward_client_cert_details: "SANITIZE_SET" },
  "always forwards": { forward_client_cert_details: "ALWAYS_FORWARD_ONLY" },
};
const ALL_DETAILS = { subject: true, cert: true, chain: true, dns: true, uri: true };
const SECURE: Readonly<Record<string, JsonObject>> = {
  sanitizes: {},
  sets: {
    forward_client_cert_details: "SANITIZE_SET",
    set_current_client_cert_details: { uri: true, subject: true },
  },
  "sets all": {
    forward_client_cert_details: "SANITIZE_SET",
    set_current_client_cert_details: ALL_DETAILS,
  },
  "sets nothing more": { forward_client_cert_details: "SANITIZE_SET" },
  appends: {
    forward_client_cert_details: "APPEND_FORWARD",
    set_current_client_cert_details: { uri: true },
  },
  forwards: { forward_client_cert_details: "FORWARD_ONLY" },
};

const PRIVATE = [
  ...["x-envoy-retry-on: 5xx", "x-envoy-upstream-rq-timeout-ms: 1", "x-envoy-internal: true"],
  ...["x-envoy-decorator-operation: x", "X-Envoy-Original-Path: /secret", "x-envoy-max-retries: 9"],
];
const MADE_UP = ["x-tulle-mirrored: true", "x-forwarded-host: evil", "X-Forwarded-Port: 1"];
const GONE = Object.fromEntries(
  ["retry-on", "upstream-rq-timeout-ms", "internal", "decorator-operation", "max-retries"].map(
    (name) => [`x-envoy-${name}`, undefined],
  ),
);
const SAID = "By=spiffe://evil/x;URI=spiffe://mesh.test/ns/shop/sa/admin";
const STRICTER = "takes everything away that proxies tell each other";

/** An address that a policy denies: who is it taken for? */
const DENIED = "203.0.113.7";
const comesFrom = (listener: string, forwarded: string, status: number): EdgeCase => ({
  listener,
  lines: [`x-forwarded-for: ${forwarded}`],
  status,
});

export const EDGE_CASES: Readonly<Record<string, EdgeCase>> = {
  "private fields": { listener: "edge", lines: PRIVATE, gets: GONE },
  "private fields of any family": {
    listener: "edge",
    lines: [...PRIVATE, ...MADE_UP],
    gets: {
      ...GONE,
      "x-envoy-original-path": undefined,
      "x-tulle-mirrored": undefined,
      "x-forwarded-host": undefined,
      "x-forwarded-port": undefined,
    },
    unlikeEnvoy: STRICTER,
  },
  "private fields behind a proxy": {
    listener: "edge behind a proxy",
    lines: ["x-envoy-retry-on: 5xx", "x-forwarded-host: shop", "x-forwarded-proto: https"],
    gets: {
      "x-envoy-retry-on": undefined,
      "x-forwarded-host": "shop",
      "x-forwarded-proto": "https",
    },
  },
  "private fields inside": {
    listener: "inside",
    lines: PRIVATE,
    gets: {
      "x-envoy-retry-on": undefined,
      "x-envoy-upstream-rq-timeout-ms": undefined,
      "x-envoy-internal": undefined,
      "x-envoy-decorator-operation": "x",
    },
  },
  "an address that was made up": {
    listener: "edge",
    lines: ["x-forwarded-for: 203.0.113.7"],
    gets: { "x-forwarded-for": "127.0.0.1" },
    unlikeEnvoy: "keeps what the client says in front",
  },
  "an address by a proxy": {
    listener: "edge behind a proxy",
    lines: ["x-forwarded-for: 198.51.100.1, 203.0.113.8"],
    gets: { "x-forwarded-for": /^198\.51\.100\.1, 203\.0\.113\.8,/ },
    unlikeEnvoy: "writes its own address for a client on loopback",
  },
  "an address that is left alone": {
    listener: "edge that says nothing",
    lines: ["x-forwarded-for: 203.0.113.8"],
    gets: { "x-forwarded-for": "203.0.113.8" },
  },
  "an address that Connection names": {
    listener: "edge",
    lines: [
      "connection: x-forwarded-for, x-forwarded-proto, x-request-id, x-forwarded-client-cert",
    ],
    gets: { "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-request-id": /./ },
    unlikeEnvoy: "writes its own address for a client on loopback",
  },
  "how it came": {
    listener: "edge",
    lines: ["x-forwarded-proto: https"],
    gets: { "x-forwarded-proto": "http" },
  },
  "an id from outside": {
    listener: "edge",
    lines: ["x-request-id: mine"],
    gets: { "x-request-id": /^[0-9a-f-]{36}$/ },
  },
  "an id that is kept": {
    listener: "edge that keeps ids",
    lines: ["x-request-id: mine"],
    gets: { "x-request-id": "mine" },
  },
  "an address that nobody is believed in": comesFrom("inside, nobody believed", DENIED, 200),
  "many addresses that nobody is believed in": comesFrom(
    "inside, nobody believed",
    Array.from({ length: 100 }, () => DENIED).join(","),
    200,
  ),
  "an address inside": comesFrom("inside", DENIED, 403),
  "the last address inside": comesFrom("inside", `10.0.0.1, ${DENIED}`, 403),
  "another last address inside": comesFrom("inside", `${DENIED}, 10.0.0.1`, 200),
  "an address before one hop": comesFrom("inside, one hop", `${DENIED}, 10.0.0.1`, 403),
  "an address before two hops": comesFrom("inside, one hop", `${DENIED}, 10.0.0.1, 10.0.0.2`, 200),
  "too few hops": comesFrom("inside, one hop", DENIED, 200),
  "an address by extension": comesFrom("inside, by extension", `${DENIED}, 10.0.0.1`, 403),
  "no address": comesFrom("inside", `${DENIED}x`, 200),
  "an address of a stranger": comesFrom("edge", DENIED, 200),
  "an address by a proxy in front": comesFrom("edge behind a proxy", DENIED, 403),
  "an address before that of a proxy": comesFrom("edge behind a proxy", `${DENIED}, 10.0.0.1`, 200),
  "a name with an underscore": {
    listener: "underscores refused",
    lines: ["x_user: admin"],
    status: 400,
  },
  "values with underscores": {
    listener: "underscores refused",
    lines: ["x-user: a_b", "cookie: a_b=c_d"],
    gets: { "x-user": "a_b" },
  },
  "a name with an underscore that is dropped": {
    listener: "underscores dropped",
    lines: ["x_user: admin", "x-user: me", "_x: 1", "y_: 1"],
    gets: { "x-user": "me", x_user: undefined, _x: undefined, y_: undefined },
  },
  "a name with an underscore inside": {
    listener: "inside",
    lines: ["x_user: admin"],
    gets: { x_user: "admin" },
  },
  ...Object.fromEntries(
    ["secret.com", "SECRET.com", "secret.com.", "secret.com:80", "Secret.Com.:443"].map((host) => [
      `the host ${host}`,
      { listener: "one host", host, status: 403 },
    ]),
  ),
  "another host": { listener: "one host", host: "public.com.:8080", gets: { host: "public.com" } },
  "an address as host": { listener: "one host", host: "[::1]:80", gets: { host: "[::1]" } },
  "a port that does not match": {
    listener: "matching port",
    host: "secret.com:81",
    gets: { host: "secret.com:81" },
  },
  ...Object.fromEntries(
    ["inside", "edge", "appends without TLS", "forwards without TLS", "sets without TLS"].map(
      (listener) => [
        `a certificate that was made up: ${listener}`,
        {
          listener,
          lines: [`x-forwarded-client-cert: ${SAID}`],
          gets: { "x-forwarded-client-cert": undefined },
        },
      ],
    ),
  ),
  "a certificate that is passed on": {
    listener: "always forwards",
    lines: [`x-forwarded-client-cert: ${SAID}`],
    gets: { "x-forwarded-client-cert": SAID },
  },
};

const ROOT = rootOf();
const CALLER = "web";
const SERVER = keyPair(ROOT, [idFor("app")]);
const WITH = [`x-forwarded-client-cert: ${SAID}`];
const BY = `By=${idFor("app")};Hash=[0-9a-f]{64}`;
const PEM = "-----BEGIN%20CERTIFICATE-----%0A[A-Za-z0-9%]+-----END%20CERTIFICATE-----%0A";
const field = (value: string | RegExp | undefined) => ({ "x-forwarded-client-cert": value });
const URI = `URI=${idFor(CALLER)}`;

/** By mutual TLS, from a client that says it is somebody else. */
export const SECURE_CASES: Readonly<Record<string, EdgeCase>> = {
  "takes away": { listener: "sanitizes", lines: WITH, gets: field(undefined) },
  replaces: { listener: "sets", lines: WITH, gets: field(RegExp(`^${BY};Subject="";${URI}$`)) },
  "says all": {
    listener: "sets all",
    gets: field(RegExp(`^${BY};Cert="${PEM}";Chain="(?:${PEM})+";Subject="";${URI}$`)),
  },
  "says who it is by itself": { listener: "sets nothing more", gets: field(RegExp(`^${BY}$`)) },
  "adds to what a peer says": {
    listener: "appends",
    lines: WITH,
    gets: field(RegExp(`^${SAID.replaceAll(".", "\\.")},${BY};${URI}$`)),
  },
  "has nothing to add to": { listener: "appends", gets: field(RegExp(`^${BY};${URI}$`)) },
  "passes on what a peer says": { listener: "forwards", lines: WITH, gets: field(SAID) },
};

export function clientKeyPair(): KeyPair {
  return keyPair(ROOT, [idFor(CALLER)]);
}

/** `upstream`: the version of HTTP that the app speaks. */
export function edgeBootstrap(appPort: number, upstream: 1 | 2): JsonObject {
  const tls = containedTls(SERVER, [ROOT]);
  const listeners: ListenerSpec[] = [
    ...Object.entries(LISTENERS).map(([name, manager]) => ({ name, manager: managerOf(manager) })),
    ...Object.entries(SECURE).map(([name, manager]) => ({
      name,
      manager: managerOf(manager),
      tls,
    })),
  ].map((spec) => ({ ...spec, routes: "app" }));
  const fields = upstream === 1 ? {} : HTTP2_CLUSTER;
  return bootstrapOf(listeners, [{ name: "app", endpoints: [appPort], fields }]);
}

function managerOf(manager: JsonObject): JsonObject {
  const secret: JsonObject = { match: { prefix: "/" }, direct_response: { status: 403 } };
  const http = "type.googleapis.com/envoy.extensions.filters.http";
  const denied = {
    permissions: [{ any: true }],
    principals: [{ remote_ip: { address_prefix: DENIED, prefix_len: 32 } }],
  };
  return {
    codec_type: "AUTO",
    http_filters: [
      {
        name: "envoy.filters.http.rbac",
        typed_config: {
          "@type": `${http}.rbac.v3.RBAC`,
          rules: { action: "DENY", policies: { denied } },
        },
      },
      { name: "router", typed_config: { "@type": `${http}.router.v3.Router` } },
    ],
    route_config: {
      name: "routes",
      virtual_hosts: [
        { name: "secret", domains: ["secret.com"], routes: [secret] },
        { name: "all", domains: ["*"], routes: [routeTo("app")] },
      ],
    },
    ...manager,
  };
}
