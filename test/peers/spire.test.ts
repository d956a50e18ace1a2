/**
 * SPIRE: as the authority above the mesh's (a control plane that is a downstream authority of its server), and as another
 * trust domain that federates with the mesh, both ways.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { connect } from "node:tls";
import { create } from "@bufbuild/protobuf";
import {
  JWTSVIDRequestSchema,
  ValidateJWTSVIDRequestSchema,
  X509SVIDRequestSchema,
} from "../../src/gen/spiffe/workload/workload_pb.js";
import { TulleHome, type TulleProcess } from "../e2e/tulle-process.ts";
import { Application, eventually } from "../support/application.ts";
import { freePort } from "../support/free-port.ts";
import { WorkloadApiClient } from "../support/workload-api-client.ts";
import { goPeer, SPIRE } from "./go-peer.ts";
import { temporaryFolder } from "./peer-process.ts";
import { Spire } from "./spire-processes.ts";

const { folder: programs, skip } = await goPeer(SPIRE);

interface Address {
  readonly host: string;
  readonly port: number;
}

interface Shown {
  readonly cert: string;
  readonly key: string;
}

interface Seen {
  /** "" when the connection was ended before an answer. */
  readonly answer: string;
  /** PEM of what the server showed. */
  readonly served: string;
}

/** A request by mutual TLS, as an app with a certificate of SPIRE's would make it. */
async function ask(address: Address, shown: Shown): Promise<Seen> {
  const protocols = { ALPNProtocols: ["http/1.1"], rejectUnauthorized: false };
  const socket = connect({ ...address, ...shown, ...protocols });
  let [answer, served] = ["", ""];
  socket.on("error", () => {});
  socket.on("secureConnect", () => {
    served = socket.getPeerX509Certificate()?.toString() ?? "";
  });
  socket.on("data", (data) => {
    answer += data;
  });
  socket.write("GET / HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n");
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { answer, served };
}

test("the control plane is a downstream authority of SPIRE's server", { skip }, async (t) => {
  const spire = await Spire.start({ t, programs, trustDomain: "tulle.local" });
  await spire.register("/tulle", "-downstream");
  const place = temporaryFolder(t);
  const file = join(place, "issuer.yaml");
  const issuer = { kind: "spire", server: spire.serverAddress, workloadApi: spire.workloadApi };
  writeFileSync(file, JSON.stringify(issuer));
  const application = await Application.start({
    catalog: { v1: 1 },
    controlPlane: ["--issuer-file", file],
  });
  t.after(() => application.close());
  const outcomes = await application.client.burst(50, 4);
  assert.ok(outcomes.every(({ failure }) => failure === undefined));
  const ca = await application.admin.ca();
  assert.deepEqual([ca.issuer.kind, ca.issuer.lastError, ca.roots.length], ["spire", null, 1]);
  assert.deepEqual([...new Set(ca.certificates.map(({ root }) => root))], [ca.roots[0]?.id]);

  // A workload of SPIRE's is one of the mesh's trust domain, and knows the mesh's by SPIRE's bundle.
  await spire.server(
    ...["x509", "mint", "-spiffeID", "spiffe://tulle.local/legacy/billing", "-write", place],
  );
  const shown = {
    cert: readFileSync(join(place, "svid.pem"), "utf8"),
    key: readFileSync(join(place, "key.pem"), "utf8"),
  };
  const [instance] = await application.catalogInstances();
  const port = instance?.ports[0]?.inboundPort ?? 0;
  const { answer } = await ask({ host: instance?.address ?? "", port }, shown);
  assert.match(answer, /^HTTP\/1\.1 200 OK/);

  // What SPIRE prepares is trusted by everybody before it signs.
  const prepared = await spire.server("localauthority", "x509", "prepare");
  const [, id = ""] = /Authority ID: (\S+)/.exec(prepared) ?? [];
  await eventually(async () => {
    const { roots, bundles } = await application.admin.ca();
    const all = bundles.every((one) => one.connected && one.roots?.length === 2);
    return roots.length === 2 && all ? true : undefined;
  });
  await spire.server("localauthority", "x509", "activate", "-authorityID", id);
  const load = application.client.steady(50, [{ method: "GET" }]);
  const { xdsAddress, adminUrl } = application.controlPlaneFile();
  application.controlPlane?.signal("SIGTERM");
  await application.controlPlane?.ended;
  application.controlPlane = application.home.start([
    ...["control-plane", "--mesh", "acceptance", "--issuer-file", file],
    ...["--xds-address", xdsAddress, "--admin-address", new URL(adminUrl).host],
  ]);
  await application.controlPlane.waitFor(/ready/);
  const first = ca.roots[0]?.id;
  await eventually(async () => {
    const { certificates, roots } = await application.admin.ca();
    const isOver = certificates.every(({ root }) => root !== first);
    return certificates.length > 1 && roots[0]?.id !== first && isOver ? true : undefined;
  });
  await load.stop();
  assert.equal(load.failures.length, 0);
});

test("what is wrong with our entry in SPIRE ends a start, and says so", { skip }, async (t) => {
  const spire = await Spire.start({ t, programs, trustDomain: "example.org" });
  const home = await TulleHome.create();
  t.after(() => home.remove());
  const file = join(home.path, "issuer.yaml");
  const issuer = { kind: "spire", server: spire.serverAddress, workloadApi: spire.workloadApi };
  writeFileSync(file, JSON.stringify(issuer));
  const startIn = async (trustDomain: string): Promise<string> => {
    const words = ["control-plane", "--trust-domain", trustDomain, "--issuer-file", file];
    const { code, output } = await home.start(words).ended;
    assert.notEqual(code, 0);
    return output;
  };
  assert.match(await startIn("example.org"), /PERMISSION_DENIED: no identity issued/);
  await spire.register("/tulle");
  await eventually(async () => {
    const listed = await spire.agent("api", "fetch", "x509").catch(() => "");
    return listed.includes("spiffe://example.org/tulle") ? true : undefined;
  });
  assert.match(await startIn("example.org"), /is our registration entry marked as -downstream\?/);
  assert.match(
    await startIn("other.org"),
    /SPIRE's trust domain is example\.org, the mesh's is other\.org: start the mesh with --trust-domain/,
  );
});

const APP = `
console.log("endpoint " + process.env.SPIFFE_ENDPOINT_SOCKET + ".");
require("node:http").createServer((request, response) => {
  response.end(request.headers["x-forwarded-client-cert"] ?? "");
}).listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

/** A mesh of trust domain `east.test` with a bundle endpoint and one app. */
class East {
  readonly home: TulleHome;
  readonly #controlPlane: TulleProcess;

  private constructor(home: TulleHome, controlPlane: TulleProcess) {
    this.home = home;
    this.#controlPlane = controlPlane;
  }

  static async start(): Promise<East> {
    const home = await TulleHome.create();
    writeFileSync(join(home.path, "app.js"), APP);
    const anywhere = ["--admin-address", "127.0.0.1:0", "--xds-address", "127.0.0.1:0"];
    const controlPlane = home.start([
      ...["control-plane", "--mesh", "east", "--trust-domain", "east.test", ...anywhere],
      ...["--bundle-endpoint-address", "127.0.0.1:0"],
    ]);
    await controlPlane.waitFor(/is ready/);
    const east = new East(home, controlPlane);
    const fetching = { allowedAddresses: ["127.0.0.0/8"] };
    await east.apply({ kind: "MeshConfig", metadata: { name: "default" }, spec: { fetching } });
    return east;
  }

  get endpoint(): string {
    return /url=(https:\S+)/.exec(this.#controlPlane.output)?.[1] ?? "";
  }

  get bundleFile(): string {
    return join(this.home.path, "east", "trust-bundle.json");
  }

  /** Starts the app. Resolves with where its sidecar listens, and its Workload API. */
  async run(): Promise<{ readonly inbound: Address; readonly workloadApi: string }> {
    const words = ["run", "--mesh", "east", "--service", "orders", "--workload-api"];
    const app = this.home.start([...words, "--port", "auto", "--", "node", "app.js"]);
    const [, workloadApi = ""] = await app.waitFor(/endpoint (\S+)\./);
    await app.waitFor(/serves orders/);
    const { items } = JSON.parse(await this.tulle("get", "workloads", "-o", "json"));
    const { address, ports } = items[0].spec;
    return { inbound: { host: address, port: ports[0].inboundPort }, workloadApi };
  }

  async tulle(...words: readonly string[]): Promise<string> {
    const { code, output } = await this.home.start([...words, "--mesh", "east"]).ended;
    assert.equal(code, 0, output);
    return output;
  }

  async apply(object: object): Promise<void> {
    const file = join(this.home.path, "object.yaml");
    writeFileSync(file, JSON.stringify({ apiVersion: "mesh.tulle.dev/v1", ...object }));
    await this.tulle("apply", "-f", file);
  }
}

test("SPIRE and a mesh federate by https_spiffe, both ways", { skip }, async (t) => {
  const east = await East.start();
  t.after(() => east.home.remove());
  const { inbound, workloadApi } = await east.run();
  const bundlePort = await freePort();
  const spire = await Spire.start({
    ...{ t, programs, trustDomain: "spire.test" },
    server: `federation {
      bundle_endpoint { address = "127.0.0.1" port = ${bundlePort} profile "https_spiffe" {} }
      federates_with "east.test" {
        bundle_endpoint_url = "${east.endpoint}"
        bundle_endpoint_profile "https_spiffe" {
          endpoint_spiffe_id = "spiffe://east.test/ns/tulle-system/sa/control-plane"
        }
      }
    }`,
  });
  // SPIRE's server asks our endpoint with what it was given, and keeps what it is answered.
  const document = ["-format", "spiffe"];
  await spire.server(
    ...["bundle", "set", "-id", "spiffe://east.test", ...document, "-path", east.bundleFile],
  );
  await spire.register("/billing", "-federatesWith", "spiffe://east.test");

  // The agent's Workload API, by a client of ours.
  const api = new WorkloadApiClient(spire.workloadApi);
  t.after(() => api.close());
  const { value: svids } = await eventually(async () => {
    const stream = api.follow("fetchX509SVID", create(X509SVIDRequestSchema));
    try {
      return await stream.next(({ federatedBundles }) => "spiffe://east.test" in federatedBundles);
    } catch {
      return undefined;
    } finally {
      stream.cancel();
    }
  });
  const [svid] = svids.svids;
  assert.equal(svid?.spiffeId, "spiffe://spire.test/billing");
  const place = temporaryFolder(t);
  await spire.agent("api", "fetch", "x509", "-write", place);
  const shown = {
    cert: readFileSync(join(place, "svid.0.pem"), "utf8"),
    key: readFileSync(join(place, "svid.0.key"), "utf8"),
  };

  assert.equal((await ask(inbound, shown)).answer, "", "nobody of SPIRE's is known yet");
  await east.apply({
    kind: "TrustDomainFederation",
    metadata: { name: "spire" },
    spec: {
      trustDomain: "spire.test",
      bundleEndpointURL: `https://127.0.0.1:${bundlePort}`,
      bundleEndpointProfile: {
        ...{ type: "https_spiffe", endpointSPIFFEID: "spiffe://spire.test/spire/server" },
      },
      trustDomainBundle: await spire.server("bundle", "show", ...document),
    },
  });
  const { value: seen } = await eventually(async () => {
    const one = await ask(inbound, shown);
    return one.answer === "" ? undefined : one;
  });
  assert.match(seen.answer, /^HTTP\/1\.1 200 OK/);
  assert.match(seen.answer, /URI=spiffe:\/\/spire\.test\/billing/);

  // And SPIRE's workload knows our sidecar by the bundle that it got from its agent.
  writeFileSync(join(place, "served.pem"), seen.served);
  const verdict = execFileSync(
    "openssl",
    ["verify", "-CAfile", join(place, "federated_bundle.0.0.pem"), join(place, "served.pem")],
    { encoding: "utf8" },
  );
  assert.match(verdict, /OK/);

  // Tokens of either are judged by the other.
  const ours = new WorkloadApiClient(workloadApi);
  t.after(() => ours.close());
  const question = create(JWTSVIDRequestSchema, { audience: ["x"] });
  for (const [from, to, id] of [
    [api, ours, "spiffe://spire.test/billing"],
    [ours, api, "spiffe://east.test/ns/default/sa/orders"],
  ] as const) {
    const { svids: tokens } = await from.ask("fetchJWTSVID", question);
    const svidOf = create(ValidateJWTSVIDRequestSchema, {
      ...{ audience: "x", svid: tokens[0]?.svid ?? "" },
    });
    assert.equal((await to.ask("validateJWTSVID", svidOf)).spiffeId, id);
  }
  const check = await east.home.start(["check", "--mesh", "east"]).ended;
  assert.ok(!/federation .*refused|cannot be fetched/.test(check.output), check.output);
});
