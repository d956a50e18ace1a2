/** Two sidecars as processes, as a caller and an app have them: mutual TLS with HTTP/2 between, plain on both outer sides. */
import type { TestContext } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { HTTP2_CLUSTER, withAlpn } from "../support/http2-options.ts";
import { bootstrapOf, routeTo } from "../support/proxy-bootstrap.ts";
import { containedTls, idFor, keyPair, rootOf } from "../support/proxy-identities.ts";
import { ProxyProcess } from "../support/proxy-process.ts";

/** Streams may last as long as their ends like. */
const ROUTES = [routeTo("next", { timeout: "0s" })];

export interface SidecarPair {
  /** Where the caller connects. */
  readonly port: number;
  readonly outbound: ProxyProcess;
  readonly inbound: ProxyProcess;
}

/** `appFields` are more fields of the cluster of the app, which speaks HTTP/2 by prior knowledge without them. */
export async function startPair(
  t: TestContext,
  appPort: number,
  appFields: JsonObject = HTTP2_CLUSTER,
): Promise<SidecarPair> {
  const root = rootOf();
  const server = keyPair(root, [idFor("app")]);
  const client = keyPair(root, [idFor("caller")]);
  const inbound = await ProxyProcess.start(
    t,
    bootstrapOf(
      [{ direction: "INBOUND", routes: ROUTES, tls: withAlpn(containedTls(server, [root]), "h2") }],
      [{ name: "next", endpoints: [appPort], fields: appFields }],
    ),
  );
  const hop = withAlpn(containedTls(client, [root], idFor("app")), "h2");
  const outbound = await ProxyProcess.start(
    t,
    bootstrapOf(
      [{ routes: ROUTES }],
      [{ name: "next", endpoints: [inbound.port("main")], fields: HTTP2_CLUSTER, tls: hop }],
    ),
  );
  return { port: outbound.port("main"), outbound, inbound };
}
