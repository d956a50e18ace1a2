/**
 * Two meshes with control planes of their own that federate: bundles by https_spiffe, calls by mutual TLS across, policies
 * that name callers of the other mesh, and nobody known by the wrong authority.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { create } from "@bufbuild/protobuf";
import { systemClock } from "../../src/core/clock.ts";
import {
  JWTSVIDRequestSchema,
  ValidateJWTSVIDRequestSchema,
  X509SVIDRequestSchema,
} from "../../src/gen/spiffe/workload/workload_pb.js";
import { openCertificateAuthority } from "../../src/identity/authority-files.ts";
import { issueTestSvid } from "../../src/identity/certificate-fixtures.ts";
import { WorkloadApiClient } from "../support/workload-api-client.ts";
import { TulleHome, type TulleProcess } from "./tulle-process.ts";

const APP = `
console.log("endpoint " + process.env.SPIFFE_ENDPOINT_SOCKET + ".");
console.log("orders at " + process.env.ORDERS_SERVICE_HOST + ":" + process.env.ORDERS_SERVICE_PORT + ".");
require("node:http").createServer((request, response) => {
  response.end(request.headers["x-forwarded-client-cert"] ?? "");
}).listen(process.env.PORT ?? 0, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

/** A mesh by itself: a control plane with a bundle endpoint, and one app. */
class Mesh {
  readonly home: TulleHome;
  readonly name: string;
  readonly controlPlane: TulleProcess;
  readonly endpoint: string;
  #app: TulleProcess | undefined;

  private constructor(home: TulleHome, name: string, controlPlane: TulleProcess, endpoint: string) {
    this.home = home;
    this.name = name;
    this.controlPlane = controlPlane;
    this.endpoint = endpoint;
  }

  static async start(name: string): Promise<Mesh> {
    const home = await TulleHome.create();
    await writeFile(join(home.path, "app.js"), APP);
    const controlPlane = home.start([
      ...["control-plane", "--mesh", name, "--trust-domain", `${name}.test`],
      ...["--admin-address", "127.0.0.1:0", "--xds-address", "127.0.0.1:0"],
      ...["--bundle-endpoint-address", "127.0.0.1:0"],
    ]);
    const [, endpoint = ""] = await controlPlane.waitFor(/url=(https:\S+)/);
    await controlPlane.waitFor(/is ready/);
    const mesh = new Mesh(home, name, controlPlane, endpoint);
    await mesh.apply({
      apiVersion: "mesh.tulle.dev/v1",
      kind: "MeshConfig",
      metadata: { name: "default" },
      spec: { fetching: { allowedAddresses: ["127.0.0.0/8"] } },
    });
    return mesh;
  }

  get bundle(): string {
    return readFileSync(join(this.home.path, this.name, "trust-bundle.json"), "utf8");
  }

  /** Starts the app of a service, with the Workload API. */
  async run(service: string, ...more: readonly string[]): Promise<TulleProcess> {
    const words = ["run", "--mesh", this.name, "--service", service, "--workload-api", ...more];
    this.#app = this.home.start([...words, "--", "node", "app.js"]);
    await this.#app.waitFor(/endpoint \S+\./);
    return this.#app;
  }

  async tulle(...words: readonly string[]): Promise<string> {
    const { code, output } = await this.home.start([...words, "--mesh", this.name]).ended;
    assert.equal(code, 0, output);
    return output;
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const file = join(this.home.path, "objects.yaml");
    await writeFile(file, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
    await this.tulle("apply", "-f", file);
  }

  federation(other: Mesh, spec: object = {}): object {
    return {
      apiVersion: "mesh.tulle.dev/v1",
      kind: "TrustDomainFederation",
      metadata: { name: other.name },
      spec: {
        trustDomain: `${other.name}.test`,
        bundleEndpointURL: other.endpoint,
        bundleEndpointProfile: {
          type: "https_spiffe",
          endpointSPIFFEID: `spiffe://${other.name}.test/ns/tulle-system/sa/control-plane`,
        },
        trustDomainBundle: other.bundle,
        ...spec,
      },
    };
  }
}

let east: Mesh;
let west: Mesh;
let api: WorkloadApiClient;
let inbound: { readonly host: string; readonly port: number };
let orders: { readonly host: string; readonly port: number };

interface Workload {
  readonly spec: {
    readonly address: string;
    readonly ports: readonly { readonly inboundPort: number }[];
  };
}

before(async () => {
  [east, west] = await Promise.all([Mesh.start("east"), Mesh.start("west")]);
  const app = await east.run("orders", "--port", "auto");
  await app.waitFor(/serves orders/);
  const listed = JSON.parse(await east.tulle("get", "workloads", "-o", "json"));
  const [workload] = listed.items as Workload[];
  assert.ok(workload);
  const { address, ports } = workload.spec;
  inbound = { host: address, port: ports[0]?.inboundPort ?? 0 };
  await west.apply(
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "orders" },
      spec: {
        selector: { app: "orders" },
        ports: [{ name: "http", port: 80, targetPort: "http" }],
      },
    },
    {
      apiVersion: "mesh.tulle.dev/v1",
      kind: "Workload",
      metadata: { name: "orders-in-east", labels: { app: "orders" } },
      spec: {
        ...{ address, serviceAccount: "orders", trustDomain: "east.test" },
        ports: ports.map((port) => ({ ...port, name: "http" })),
      },
    },
  );
  const client = await west.run("client");
  const [, endpoint = ""] = await client.waitFor(/endpoint (\S+)\./);
  const [, host = "", port] = await client.waitFor(/orders at (\S+):(\d+)\./);
  orders = { host, port: Number(port) };
  api = new WorkloadApiClient(endpoint);
});

after(async () => {
  api?.close();
  await Promise.all([east?.home.remove(), west?.home.remove()]);
});

async function ask(): Promise<{ readonly status: number; readonly body: string }> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({ ...orders, path: "/", agent: false, headers: { host: "orders" } });
    outgoing.once("response", (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    outgoing.once("error", reject);
    outgoing.end();
  });
}

/** Asks until the answer has this status: sidecars get their trust a moment after it was applied. */
async function until(status: number): Promise<string> {
  for (;;) {
    const answer = await ask();
    if (answer.status === status) return answer.body;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("without federation neither knows the other", async () => {
  const { status } = await ask();
  assert.equal(status, 503);
});

test("trust that goes one way lets nobody in", async () => {
  await west.apply(west.federation(east));
  const stream = api.follow("fetchX509SVID", create(X509SVIDRequestSchema));
  const { federatedBundles } = await stream.next(
    (one) => "spiffe://east.test" in one.federatedBundles,
  );
  assert.deepEqual(Object.keys(federatedBundles), ["spiffe://east.test"]);
  stream.cancel();
  const { status } = await ask();
  assert.equal(status, 503);
});

test("with trust both ways a call goes across, and the app learns who it is from", async () => {
  await east.apply(east.federation(west));
  const caller = await until(200);
  assert.match(caller, /URI=spiffe:\/\/west\.test\/ns\/default\/sa\/client/);
});

test("each trust domain is known by its own roots alone", async () => {
  const answerTo = async (signer: Mesh, id: string): Promise<string> => {
    const state = join(signer.home.path, signer.name);
    const { authority } = openCertificateAuthority({
      trustDomain: `${signer.name}.test`,
      keyPath: join(state, "ca.key"),
      certificatePath: join(state, "ca.crt"),
      clock: systemClock,
    });
    const { certificateChainPem: cert, privateKeyPem: key } = issueTestSvid(
      authority,
      id,
      3_600_000,
    );
    const socket = connect({
      ...inbound,
      cert,
      key,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
    });
    socket.on("error", () => {});
    socket.write("GET / HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n");
    let got = "";
    socket.on("data", (data) => {
      got += data;
    });
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    return got.split("\r\n")[0] ?? "";
  };
  const client = (mesh: Mesh): string => `spiffe://${mesh.name}.test/ns/default/sa/client`;
  assert.equal(await answerTo(west, client(west)), "HTTP/1.1 200 OK");
  assert.equal(await answerTo(east, client(east)), "HTTP/1.1 200 OK");
  assert.equal(await answerTo(east, client(west)), "");
  assert.equal(await answerTo(west, client(east)), "");
});

test("policies name callers of the other mesh", async () => {
  const policy = (principal: string): object => ({
    apiVersion: "mesh.tulle.dev/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "orders" },
    spec: { action: "ALLOW", rules: [{ from: [{ source: { principals: [principal] } }] }] },
  });
  await east.apply(policy("west.test/ns/default/sa/somebody"));
  await until(403);
  await east.apply(policy("west.test/ns/default/sa/client"));
  await until(200);
  // The same names in the own mesh are somebody else.
  await east.apply(policy("east.test/ns/default/sa/client"));
  await until(403);
  await east.apply(policy("west.test/ns/default/sa/client"));
  await until(200);
});

test("tokens of the other mesh are judged by its keys", async () => {
  const endpoint = /endpoint (\S+)\./.exec(await eastEndpoint())?.[1] ?? "";
  const other = new WorkloadApiClient(endpoint);
  const { svids } = await other.ask(
    "fetchJWTSVID",
    create(JWTSVIDRequestSchema, { audience: ["x"] }),
  );
  const question = create(ValidateJWTSVIDRequestSchema, {
    audience: "x",
    svid: svids[0]?.svid ?? "",
  });
  const { spiffeId } = await api.ask("validateJWTSVID", question);
  assert.equal(spiffeId, "spiffe://east.test/ns/default/sa/orders-too");
  other.close();
});

test("a federation that is deleted ends trust", async () => {
  await east.tulle("delete", "trustdomainfederation", "west");
  await until(503);
  await east.apply(east.federation(west));
  await until(200);
});

test("what is wrong is said", async () => {
  await west.apply(west.federation(west));
  const impostor = west.federation(east, {
    bundleEndpointURL: west.endpoint,
  });
  await west.apply(impostor);
  for (;;) {
    const found = await west.home.start(["check", "--mesh", "west"]).ended;
    if (/refused/.test(found.output) && /own trust domain/.test(found.output)) break;
  }
  // What was known before is in use.
  await until(200);
});

async function eastEndpoint(): Promise<string> {
  const app = await east.run("orders-too");
  return app.output;
}
