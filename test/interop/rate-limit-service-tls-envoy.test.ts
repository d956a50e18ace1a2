/** A rate limit service that speaks TLS, asked by our sidecar's process and by a real Envoy: believed by its name, or not asked. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createSecureServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { alternativeNamesDer } from "../../src/identity/certificate-writer.ts";
import { ask } from "../support/balancing-pair.ts";
import { bothProxies } from "../support/both-proxies.ts";
import { envoyOrSkip } from "../support/envoy-binary.ts";
import { routeTo } from "../support/proxy-bootstrap.ts";
import { keyPair, pemOf, rootOf } from "../support/proxy-identities.ts";
import { RawUpstream } from "../support/raw-upstream.ts";
import { TYPE } from "../support/sample-parts.ts";

const onBoth = bothProxies(await envoyOrSkip());
const HTTP = `${TYPE}.extensions.filters.http`;
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/** RateLimitResponse with overall_code OVER_LIMIT, behind the prefix of a message of gRPC. */
const OVER_LIMIT = Buffer.from([0, 0, 0, 0, 2, 8, 2]);

type Root = ReturnType<typeof rootOf>;

async function limitService(context: TestContext, root: Root): Promise<number> {
  const dnsNames = ["limits.example"];
  const names = { alternativeNames: alternativeNamesDer({ uris: [], dnsNames }, true) };
  const server = createSecureServer(keyPair(root, [], names));
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => {});
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(OVER_LIMIT);
  });
  // A proxy that does not believe the service hangs up.
  server.on("sessionError", () => {});
  server.on("tlsClientError", () => {});
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function manager(): JsonObject {
  const filter = {
    "@type": `${HTTP}.ratelimit.v3.RateLimit`,
    // Long, since handshakes take their time on a machine with much to do.
    ...{ domain: "shop", timeout: "20s", failure_mode_deny: true },
    rate_limit_service: {
      transport_api_version: "V3",
      grpc_service: { envoy_grpc: { cluster_name: "limits" } },
    },
  };
  return {
    http_filters: [
      { name: "limits", typed_config: filter },
      { name: "router", typed_config: { "@type": `${HTTP}.router.v3.Router` } },
    ],
  };
}

for (const [name, status] of [
  ["limits.example", 429],
  ["bank.example", 500],
] as const) {
  onBoth(`a rate limit service that is asked as ${name}: ${status}`, async (context, start) => {
    const root = rootOf();
    const app = await RawUpstream.echo(context);
    const options = {
      "@type": `type.googleapis.com/${HTTP_OPTIONS}`,
      explicit_http_config: { http2_protocol_options: {} },
    };
    const tls = {
      sni: name,
      common_tls_context: {
        alpn_protocols: ["h2"],
        validation_context: {
          trusted_ca: { inline_string: pemOf(root) },
          match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: name } }],
        },
      },
    };
    const rate_limits = [{ actions: [{ generic_key: { descriptor_value: "all" } }] }];
    const port = await start({
      clusters: [
        { name: "app", endpoints: [app.port] },
        {
          name: "limits",
          endpoints: [await limitService(context, root)],
          tls,
          fields: { typed_extension_protocol_options: { [HTTP_OPTIONS]: options } },
        },
      ],
      routes: [routeTo("app", { rate_limits })],
      manager: manager(),
    });
    assert.equal((await ask({ port }, "/")).status, status);
  });
}
