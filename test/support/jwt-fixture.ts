/** A sidecar whose listener asks for users' tokens, and what the app behind it gets to see. */
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../src/core/clock.ts";
import { bootstrapOf, listenerJson, routeTo } from "./proxy-bootstrap.ts";
import { ProxyFixture } from "./proxy-fixture.ts";
import { RawClient, type RawResponse } from "./raw-client.ts";
import { RawUpstream, type UpstreamRequest } from "./raw-upstream.ts";
import { keySetOf, type SigningKey, signingKey } from "./signed-tokens.ts";

export const TYPES = "type.googleapis.com/envoy.extensions.filters.http";
export const NAME = "envoy.filters.http.jwt_authn";
export const ISSUER = "https://issuer.example";
export const KEY = signingKey("ES256", "k1");
export const RSA = signingKey("RS256", "rsa");
export const NOW_S = 1_800_000_000;
export const OPTIONAL = {
  requires_any: { requirements: [{ provider_name: "shop" }, { allow_missing: {} }] },
};
const REQUIRED = { provider_name: "shop" };

export function claims(more: object = {}): object {
  return { iss: ISSUER, sub: "anna", aud: ["shop"], exp: NOW_S + 3_600, ...more };
}

export interface Setting {
  readonly provider?: JsonObject;
  readonly requires?: JsonObject;
  readonly filter?: JsonObject;
  readonly route?: JsonObject;
  readonly routes?: readonly JsonObject[];
  readonly keys?: readonly SigningKey[];
  /** A file. */
  readonly accessLog?: string;
}

/** The listener's specification. */
function specOf(setting: Setting) {
  const { provider = {}, requires = REQUIRED, filter = {}, route, keys = [KEY, RSA] } = setting;
  const shop = {
    issuer: ISSUER,
    audiences: ["shop"],
    local_jwks: { inline_string: keySetOf(...keys) },
    ...provider,
  };
  const typed_config = {
    "@type": `${TYPES}.jwt_authn.v3.JwtAuthentication`,
    providers: { shop },
    rules: [{ match: { prefix: "/" }, requires }],
    ...filter,
  };
  const http_filters = [
    { name: NAME, typed_config },
    { name: "router", typed_config: { "@type": `${TYPES}.router.v3.Router` } },
  ];
  const perRoute = route && { "@type": `${TYPES}.jwt_authn.v3.PerRouteConfig`, ...route };
  const routes = setting.routes ?? [
    { ...routeTo("app"), ...(perRoute && { typed_per_filter_config: { [NAME]: perRoute } }) },
  ];
  return { routes, manager: { http_filters, ...accessLogTo(setting.accessLog) } };
}

export async function setUp(context: TestContext, setting: Setting = {}) {
  const upstream = await RawUpstream.echo(context);
  const clock = new ManualClock(NOW_S * 1_000);
  const proxy = await ProxyFixture.start(
    context,
    bootstrapOf([specOf(setting)], [{ name: "app", endpoints: [upstream.port] }]),
    { clock },
  );
  const ask = async (target: string, ...lines: readonly string[]): Promise<RawResponse> => {
    const client = await RawClient.connect(proxy.port());
    context.after(() => client.close());
    client.send(`${[`GET ${target} HTTP/1.1`, "Host: app", ...lines].join("\r\n")}\r\n\r\n`);
    return client.response();
  };
  const send = (token: string, ...lines: readonly string[]): Promise<RawResponse> =>
    ask("/", `Authorization: Bearer ${token}`, ...lines);
  const seen = (): UpstreamRequest => upstream.requests.at(-1)!;
  const listener = (changed: Setting): JsonObject => listenerJson(specOf(changed));
  return { upstream, proxy, clock, ask, send, seen, listener };
}

function accessLogTo(path: string | undefined): JsonObject {
  if (path === undefined) return {};
  const type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
  return { access_log: [{ name: "file", typed_config: { "@type": type, path } }] };
}
