/** Extension providers of MeshConfig, with Istio's field names: services that decide about requests for the mesh. */
import { z } from "zod";
import { EXT_AUTHZ_BODY_BYTES_MAX } from "../../core/limits.ts";
import { duration, headerName, headerValue, portNumber } from "../fields.ts";
import { listRule, objectRule, reportRepeated, valueAt } from "../rule.ts";

const PROVIDERS_MAX = 64;
const HEADERS_MAX = 64;
/** `name*`, `*name` or `name`. */
const HEADER_PATTERN = /^(?:\*?[!#$%&'+\-.^_`|~0-9A-Za-z]+|[!#$%&'+\-.^_`|~0-9A-Za-z]+\*)$/;
/** `namespace/name`, a host, or a host with a namespace before it. */
const SERVICE = /^(?:[a-z0-9]([-a-z0-9]*[a-z0-9])?\/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

const headerPatterns = z
  .array(
    z.string().max(256).regex(HEADER_PATTERN, {
      error: "a header name, or the beginning (x-*) or end (*-id) of names",
    }),
  )
  .max(HEADERS_MAX);

const body = z.strictObject({
  maxRequestBytes: z
    .int()
    .min(1)
    .max(EXT_AUTHZ_BODY_BYTES_MAX)
    .describe("Bytes of the body that it is told. Each waiting request holds as many."),
  allowPartialMessage: z
    .boolean()
    .default(false)
    .describe(
      "true: of a longer body it is told the beginning, and x-envoy-auth-partial-body says so. false: such requests get 413.",
    ),
  packAsBytes: z
    .boolean()
    .default(false)
    .describe("Of gRPC: the body in raw_body, whatever it is, instead of as text in body."),
});

const shared = {
  service: z
    .string()
    .min(1)
    .max(317)
    .regex(SERVICE, { error: "namespace/name, or a host name" })
    .describe(
      "A Service or ExternalService: namespace/name, a Service's host (authz.default.svc.cluster.local), or a host of an ExternalService.",
    ),
  port: portNumber().describe("A port of it."),
  timeout: duration({ minMs: 1, maxMs: 600_000 })
    .default("200ms")
    .describe("How long its answer is waited for."),
  failOpen: z
    .boolean()
    .default(false)
    .describe("Whether requests go on when it does not answer, or answers that it has failed."),
  clearRouteCache: z
    .boolean()
    .default(false)
    .describe("Whether the route is chosen anew when it has changed the request."),
  statusOnError: z
    .union([z.int().min(400).max(599), z.string().regex(/^[45]\d\d$/)], {
      error: "a status from 400 to 599",
    })
    .default(403)
    .describe("What clients get when it does not answer and failOpen is false."),
  includeRequestBodyInCheck: body.optional().describe("Default: it is not told the body."),
};

const grpc = z.strictObject({
  ...shared,
  includePeerCertificate: z
    .boolean()
    .default(false)
    .describe("Whether it is told the certificate of the caller's sidecar, beside its identity."),
});

const http = z.strictObject({
  ...shared,
  pathPrefix: z
    .string()
    .max(1024)
    .regex(/^\/[!-~]*$/, { error: "begins with / and has no spaces" })
    .optional()
    .describe("Before the request's own path in the question."),
  includeRequestHeadersInCheck: headerPatterns
    .default([])
    .describe("Request fields that it is told, beside Host, method, path and Authorization."),
  includeAdditionalHeadersInCheck: z
    .record(headerName(), headerValue())
    .optional()
    .describe("Fields of the question itself. They replace the request's own."),
  headersToUpstreamOnAllow: headerPatterns
    .default([])
    .describe("Fields of its answer that the app gets, in place of the client's own."),
  headersToDownstreamOnDeny: headerPatterns
    .optional()
    .describe("Fields of its denial that the client gets. Default: all of them."),
  headersToDownstreamOnAllow: headerPatterns
    .default([])
    .describe("Fields of its answer that the client gets beside the app's."),
});

const provider = objectRule(
  z.strictObject({
    name: z.string().min(1).max(253).describe("What an AuthorizationPolicy's provider.name names."),
    envoyExtAuthzGrpc: grpc
      .optional()
      .describe("It speaks envoy.service.auth.v3.Authorization, by gRPC."),
    envoyExtAuthzHttp: http
      .optional()
      .describe("It speaks HTTP: 200 lets a request pass, every other status below 500 denies it."),
  }),
  (value, report) => {
    const { envoyExtAuthzGrpc: byGrpc, envoyExtAuthzHttp: byHttp } = value;
    if (byGrpc === undefined && byHttp === undefined) {
      report({
        path: [],
        code: "missing-field",
        message: "says nothing of the service",
        allowed: "envoyExtAuthzGrpc or envoyExtAuthzHttp",
      });
    } else if (byGrpc !== undefined && byHttp !== undefined) {
      report({ path: ["envoyExtAuthzHttp"], message: "must not stand beside envoyExtAuthzGrpc" });
    }
  },
);

export const extensionProviders = listRule(
  z.array(provider).max(PROVIDERS_MAX),
  (items, report) => {
    reportRepeated(items, report, {
      identity: (item) => {
        const name = valueAt(item, "name");
        return typeof name === "string" ? name : undefined;
      },
      path: ["name"],
      what: "each name",
    });
  },
);

export type ExtensionProvider = z.output<typeof provider>;
export type GrpcProvider = z.output<typeof grpc>;
export type HttpProvider = z.output<typeof http>;
