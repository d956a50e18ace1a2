/** Sidecars that allow WebSocket, alone or as a pair with mutual TLS between them, for tests of tunnels. */
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type { Clock } from "../../src/core/clock.ts";
import { bootstrapOf, routeTo } from "./proxy-bootstrap.ts";
import { ProxyFixture } from "./proxy-fixture.ts";
import {
  DOWNSTREAM_TLS,
  idFor,
  keyPair,
  rootOf,
  setIdentity,
  upstreamTls,
} from "./proxy-identities.ts";

/** RFC 8441 section 3: over HTTP/2 a server has to announce it, too. */
export const WEBSOCKET_ALLOWED: JsonObject = {
  upgrade_configs: [{ upgrade_type: "websocket" }],
  http2_protocol_options: { allow_connect: true },
};

export interface TunnelProxyOptions {
  readonly clock?: Clock;
  /** Fields of the route's action. */
  readonly action?: JsonObject;
  readonly manager?: JsonObject;
  readonly match?: JsonObject;
  /** Fields of the cluster. */
  readonly cluster?: JsonObject;
}

/** One sidecar in front of what listens on this port. */
export function tunnelProxy(
  context: TestContext,
  port: number,
  { clock, action = {}, manager = WEBSOCKET_ALLOWED, match, cluster = {} }: TunnelProxyOptions = {},
): Promise<ProxyFixture> {
  return ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: [routeTo("app", action, match)], manager }],
      [{ name: "app", endpoints: [port], fields: cluster }],
    ),
    clock === undefined ? {} : { clock },
  );
}

export interface SidecarPair {
  readonly client: ProxyFixture;
  readonly server: ProxyFixture;
}

const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** What a cluster speaks, whatever its clients do. */
export const SPEAKS: Readonly<Record<"http1" | "http2", JsonObject>> = {
  http1: {},
  http2: {
    typed_extension_protocol_options: {
      [HTTP_OPTIONS]: {
        "@type": `type.googleapis.com/${HTTP_OPTIONS}`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
  },
};

/** A client's sidecar and, behind mutual TLS, the app's, with this protocol between them. */
export async function tunnelPair(
  context: TestContext,
  port: number,
  hop: "http1" | "http2" = "http1",
): Promise<SidecarPair> {
  const root = rootOf();
  const server = await ProxyFixture.start(
    context,
    bootstrapOf(
      [
        {
          name: "inbound",
          routes: "app",
          direction: "INBOUND",
          tls: withAlpn(DOWNSTREAM_TLS, ["h2", "http/1.1"]),
          manager: WEBSOCKET_ALLOWED,
        },
      ],
      [{ name: "app", endpoints: [port] }],
    ),
  );
  setIdentity(server.dataPlane, keyPair(root, [idFor("app")]), [root]);
  const client = await ProxyFixture.start(
    context,
    bootstrapOf(
      [{ routes: "peer", manager: WEBSOCKET_ALLOWED }],
      [
        {
          name: "peer",
          endpoints: [server.port("inbound")],
          tls: withAlpn(upstreamTls(idFor("app")), [hop === "http2" ? "h2" : "http/1.1"]),
          fields: SPEAKS[hop],
        },
      ],
    ),
  );
  setIdentity(client.dataPlane, keyPair(root, [idFor("web")]), [root]);
  return { client, server };
}

function withAlpn(tls: JsonObject, alpn_protocols: string[]): JsonObject {
  const common = tls["common_tls_context"] as JsonObject;
  return { ...tls, common_tls_context: { ...common, alpn_protocols } };
}
