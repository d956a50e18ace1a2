/** What asking an authorization service costs the sidecar beside the call: the question, and reading the answer. */
import { create, toBinary } from "@bufbuild/protobuf";
import { bench, do_not_optimize, group } from "mitata";
import { CheckResponseSchema } from "../../src/gen/envoy/service/auth/v3/external_auth_pb.js";
import { RequestHead } from "../../src/http/request-head.ts";
import { scanFields } from "../../src/http1/field-scanner.ts";
import type { DownstreamConnection } from "../../src/proxy/downstream-connection.ts";
import { requestCheck } from "../../src/proxy/ext-authz/check-request.ts";
import { readCheckResponse } from "../../src/proxy/ext-authz/check-response.ts";
import { toldHeaders } from "../../src/proxy/ext-authz/told-headers.ts";
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

const connection: DownstreamConnection = {
  ...{ remoteAddress: "127.0.0.1", remotePort: 1, localAddress: "127.0.0.1", localPort: 2 },
  ...{ scheme: "https", isHttp2: false, serverName: "", hostCheck: undefined },
  peerPrincipal: "spiffe://tulle.local/ns/default/sa/storefront",
  peerCertificate: undefined,
};
const head = new RequestHead();
head.headers.text = TEXT;
const BYTES = Buffer.from(`${TEXT}\r\n`, "latin1");
scanFields(BYTES, 0, BYTES.length, 0, head.headers);
const request = new RoutedRequest({ connection, requestBytes: 0, responseBytes: 0 });
request.begin(head);
request.method = "GET";
request.path = "/items/7";
request.authority = "catalog.default.svc.tulle.local";

const all = (): boolean => true;
const selection = { allowed: undefined, disallowed: undefined, isToldAnyway: all, isRaw: false };
const NO_EXTENSIONS: ReadonlyMap<string, string> = new Map();

function question(): Uint8Array {
  return requestCheck({
    ...{ connection, request, requestId: "1", timeMs: 1_700_000_000_000, isRaw: false },
    ...{ tellsCertificate: false, tellsServerName: false, isBodyBytes: false, body: undefined },
    headers: toldHeaders(request, selection),
    contextExtensions: NO_EXTENSIONS,
    metadata: [],
  });
}

const answer = toBinary(
  CheckResponseSchema,
  create(CheckResponseSchema, {
    status: { code: 0 },
    httpResponse: {
      case: "okResponse",
      value: {
        headers: [{ header: { key: "x-user", value: "alice" } }],
        headersToRemove: ["authorization"],
      },
    },
  }),
);

group("external authorization", () => {
  bench("the question about a request with 7 fields", () => do_not_optimize(question()));
  bench("an answer that sets a field and removes one", () =>
    do_not_optimize(readCheckResponse(answer)),
  );
});
