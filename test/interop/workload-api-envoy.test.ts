/**
 * An Envoy beside an app that gets certificate and roots from the sidecar's socket, by SDS under SPIRE's names: it serves
 * mutual TLS with them, and follows a rotation of the root without a restart.
 */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { create } from "@bufbuild/protobuf";
import { type X509SVID, X509SVIDRequestSchema } from "../../src/gen/spiffe/workload/workload_pb.js";
import { TulleHome } from "../e2e/tulle-process.ts";
import { envoyBinary } from "../support/envoy-binary.ts";
import { EnvoyProcess } from "../support/envoy-process.ts";
import { freePort } from "../support/free-port.ts";
import { WorkloadApiClient } from "../support/workload-api-client.ts";

const APP = `
console.log("endpoint " + process.env.SPIFFE_ENDPOINT_SOCKET + ".");
setInterval(() => {}, 60_000);
process.on("SIGTERM", () => process.exit(0));
`;
const TYPES = "type.googleapis.com/envoy.extensions";
const { path: binary, reason } = await envoyBinary();

function bootstrap(socketPath: string, port: number): object {
  const sds = (name: string): object => ({
    name,
    sds_config: {
      resource_api_version: "V3",
      api_config_source: {
        api_type: "GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "sds" } }],
      },
    },
  });
  return {
    node: { id: "envoy", cluster: "envoy" },
    static_resources: {
      listeners: [
        {
          name: "mtls",
          address: { socket_address: { address: "127.0.0.1", port_value: port } },
          filter_chains: [
            {
              transport_socket: {
                name: "envoy.transport_sockets.tls",
                typed_config: {
                  "@type": `${TYPES}.transport_sockets.tls.v3.DownstreamTlsContext`,
                  require_client_certificate: true,
                  common_tls_context: {
                    tls_certificate_sds_secret_configs: [sds("default")],
                    validation_context_sds_secret_config: sds("ALL"),
                  },
                },
              },
              filters: [
                {
                  name: "direct",
                  typed_config: {
                    "@type": `${TYPES}.filters.network.direct_response.v3.Config`,
                    response: { inline_string: "hello" },
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: "sds",
          connect_timeout: "1s",
          typed_extension_protocol_options: {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
              "@type": `${TYPES}.upstreams.http.v3.HttpProtocolOptions`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: "sds",
            endpoints: [
              { lb_endpoints: [{ endpoint: { address: { pipe: { path: socketPath } } } }] },
            ],
          },
        },
      ],
    },
  };
}

/** What Envoy says to who shows this certificate, "" where it says nothing, and the certificate that it shows. */
async function greet(
  port: number,
  svid: X509SVID | undefined,
): Promise<{ readonly said: string; readonly shown: X509Certificate | undefined }> {
  const own =
    svid === undefined
      ? {}
      : {
          cert: new X509Certificate(svid.x509Svid).toString(),
          key: createPrivateKey({
            key: Buffer.from(svid.x509SvidKey),
            format: "der",
            type: "pkcs8",
          })
            .export({ format: "pem", type: "pkcs8" })
            .toString(),
        };
  const socket: TLSSocket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...own });
  let said = "";
  let shown: X509Certificate | undefined;
  socket.on("error", () => {});
  socket.on("secureConnect", () => {
    const { raw } = socket.getPeerCertificate();
    shown = raw === undefined ? undefined : new X509Certificate(raw);
  });
  socket.on("data", (data) => {
    said += data;
  });
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { said, shown };
}

test("an Envoy lives on the sidecar's socket", { skip: reason ?? false }, async () => {
  const home = await TulleHome.create();
  let envoy: EnvoyProcess | undefined;
  let api: WorkloadApiClient | undefined;
  try {
    await writeFile(join(home.path, "app.js"), APP);
    const services = { edge: { command: ["node", "app.js"], workloadApi: true } };
    await writeFile(join(home.path, "mesh.yaml"), JSON.stringify({ mesh: "sds", services }));
    const up = home.start(["up"]);
    const [, endpoint = ""] = await up.waitFor(/endpoint (\S+)\./);
    api = new WorkloadApiClient(endpoint);
    const stream = api.follow("fetchX509SVID", create(X509SVIDRequestSchema));
    const [svid] = (await stream.next()).svids;
    const port = await freePort();
    const socketPath = endpoint.replace("unix://", "");
    envoy = await EnvoyProcess.start({
      binary: binary ?? "",
      bootstrap: bootstrap(socketPath, port),
    });
    // The listener is there when its secrets are.
    while ((await greet(port, svid)).said !== "hello");
    assert.equal((await greet(port, undefined)).said, "");
    // Envoy says its word and is gone: now and then before the client has ended its side of the handshake.
    let shown: X509Certificate | undefined;
    while (shown === undefined) ({ shown } = await greet(port, svid));
    assert.equal(shown.subjectAltName, "URI:spiffe://tulle.local/ns/default/sa/edge");
    const { code, output } = await home.start(["ca", "rotate", "--mesh", "sds"]).ended;
    assert.equal(code, 0, output);
    const before = Buffer.from(svid?.bundle ?? []);
    const isNew = (bundle: Uint8Array = new Uint8Array()): boolean =>
      bundle.length > 0 && !Buffer.from(bundle).includes(before);
    const [next] = (await stream.next(({ svids }) => isNew(svids[0]?.bundle))).svids;
    const root = new X509Certificate(next?.bundle ?? "");
    for (;;) {
      const seen = await greet(port, next);
      if (seen.said === "hello" && seen.shown?.verify(root.publicKey) === true) break;
    }
    // What was issued under the root that is gone is refused.
    assert.equal((await greet(port, svid)).said, "");
    stream.cancel();
  } finally {
    api?.close();
    await envoy?.stop();
    await home.remove();
  }
});
