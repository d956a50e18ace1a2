/**
 * What every request costs before its route is looked for: canonical path and host, header fields taken away and
 * written. The head is read anew each time; "its fields are read" is that alone.
 */
import { create } from "@bufbuild/protobuf";
import { bench, do_not_optimize, group } from "mitata";
import type { FieldError } from "../../src/decision/field-error.ts";
import {
  HttpConnectionManager_ForwardClientCertDetails as ClientCert,
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  HttpConnectionManager_PathWithEscapedSlashesAction as SlashAction,
} from "../../src/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HeaderField } from "../../src/http/header-field.ts";
import { RequestHead } from "../../src/http/request-head.ts";
import { scanFields } from "../../src/http1/field-scanner.ts";
import type { DownstreamConnection } from "../../src/proxy/downstream-connection.ts";
import { HttpConfig } from "../../src/proxy/http-config.ts";
import type { PeerCertificate } from "../../src/proxy/peer-certificate.ts";
import { admitRequest } from "../../src/proxy/request-arrival.ts";
import { RequestOutcome } from "../../src/proxy/request-outcome.ts";
import { RoutedRequest } from "../../src/proxy/routed-request.ts";

const LINES = [
  "user-agent: curl/8.5.0",
  "accept: */*",
  "x-request-id: 6f1c2f0e-6f0a-4c39-a9a1-d5a7a9a5a001",
  "x-forwarded-proto: http",
  "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "content-type: application/json",
  "authorization: Bearer abc",
];
const TEXT = `${LINES.join("\r\n")}\r\n`;
const BYTES = Buffer.from(`${TEXT}\r\n`, "latin1");

/** The field of a connection is made once; here only its use is measured. */
let field: HeaderField | undefined;
const certificate = {
  ownUris: ["spiffe://tulle.local/ns/default/sa/catalog"],
  digest: "0".repeat(64),
  names: { uris: ["spiffe://tulle.local/ns/default/sa/storefront"], dnsNames: [], subject: "" },
  fieldFor: (_owner: object, make: (from: PeerCertificate) => HeaderField): HeaderField => {
    field ??= make(certificate);
    return field;
  },
} as unknown as PeerCertificate;

const connection: DownstreamConnection = {
  ...{ remoteAddress: "127.0.0.1", remotePort: 1, localAddress: "127.0.0.1", localPort: 2 },
  ...{ scheme: "https", isHttp2: false, peerPrincipal: "", serverName: "", hostCheck: undefined },
  peerCertificate: certificate,
};
const origin = { connection, requestBytes: 0, responseBytes: 0 };

const SIDECAR = {
  normalizePath: true,
  mergeSlashes: true,
  pathWithEscapedSlashesAction: SlashAction.UNESCAPE_AND_FORWARD,
  stripTrailingHostDot: true,
};

function configOf(fields: Partial<HttpConnectionManager>): HttpConfig {
  const errors: FieldError[] = [];
  const rds = { case: "rds", value: { routeConfigName: "routes" } } as const;
  const manager = create(HttpConnectionManagerSchema, {
    ...{ statPrefix: "bench", routeSpecifier: rds },
    ...(fields as object),
  });
  return new HttpConfig(manager, "", errors, () => 0);
}

function arrivals(config: HttpConfig | undefined, target: string): () => unknown {
  const request = new RoutedRequest(origin);
  const outcome = new RequestOutcome(origin);
  const head = new RequestHead();
  head.method = "GET";
  head.target = target;
  head.authority = "catalog";
  head.hasSpecialBytes = /%|\/\/|\/\./.test(target);
  return () => {
    const { headers } = head;
    headers.clear();
    scanFields(BYTES, 0, BYTES.length, 0, headers);
    headers.text = TEXT;
    request.begin(head);
    outcome.begin(head, "HTTP/1.1", 0);
    return do_not_optimize(config === undefined ? headers : admitRequest(request, outcome, config));
  };
}

group("a request of seven fields arrives", () => {
  bench("its fields are read", arrivals(undefined, "/items/7"));
  bench("from the app", arrivals(configOf(SIDECAR), "/items/7"));
  const secure = {
    forwardClientCertDetails: ClientCert.SANITIZE_SET,
    setCurrentClientCertDetails: { subject: true, uri: true, dns: true },
  };
  bench("from a sidecar", arrivals(configOf({ ...SIDECAR, ...secure } as never), "/items/7"));
  bench("at the edge", arrivals(configOf({ ...SIDECAR, useRemoteAddress: true }), "/items/7"));
  bench("with dots in its path", arrivals(configOf(SIDECAR), "/items/./a/../7"));
  bench("with escapes in its path", arrivals(configOf(SIDECAR), "/items%2f%41%20b/7"));
});
