/**
 * Names of the mesh as apps ask for them: `tulle run`, the control plane and real sidecars, asked by Node's own resolver
 * at the address that the app is told. A second name server of the test stands for that of the system.
 */
import assert from "node:assert/strict";
import { promises as dns } from "node:dns";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { CallbackFaults } from "../../src/proxy/callback-faults.ts";
import { createDnsMetrics } from "../../src/proxy/dns/dns-metrics.ts";
import { DnsServer } from "../../src/proxy/dns/dns-server.ts";
import { NameTable } from "../../src/proxy/dns/name-table.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { answerThat } from "../support/until.ts";
import { TulleHome, type TulleProcess } from "./tulle-process.ts";

const APP = `
  const server = require("node:http").createServer((request, response) => response.end(process.env.TULLE_INSTANCE));
  server.listen(process.env.PORT, process.env.HOST);
  process.on("SIGTERM", () => process.exit(0));
`;
const CLIENT = `
  console.log("names at " + process.env.TULLE_DNS + ".");
  console.log("admin at " + process.env.TULLE_SIDECAR_ADMIN + ".");
  setInterval(() => {}, 60_000);
  process.on("SIGTERM", () => process.exit(0));
`;
const DB = "db.default.svc.tulle.local";

let home: TulleHome;
let elsewhere: DnsServer;
let resolver: dns.Resolver;
let admin: string;
const databases = new Map<string, TulleProcess>();

before(async () => {
  elsewhere = await startElsewhere();
  home = await TulleHome.create();
  const anywhere = ["--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];
  const controlPlane = home.start(["control-plane", ...anywhere]);
  await controlPlane.waitFor(/ready/);
  await apply(
    {
      apiVersion: "mesh.tulle.dev/v1",
      kind: "MeshConfig",
      metadata: { name: "default" },
      spec: { dns: { servers: [`127.0.0.1:${elsewhere.port}`] } },
    },
    service("db", { clusterIP: "None" }),
    service("catalog", {}),
    {
      apiVersion: "mesh.tulle.dev/v1",
      kind: "ExternalService",
      metadata: { name: "payments" },
      spec: {
        hosts: ["api.payments.example", "*.pay.example"],
        ports: [{ name: "http", port: 8080 }],
        endpoints: [{ address: "127.0.0.1", port: 1 }],
      },
    },
  );
  const catalog = startApp("catalog", "catalog-x");
  await Promise.all([startDatabase("db-0"), startDatabase("db-1")]);
  await catalog.waitFor(/catalog-x serves catalog/);
  const client = home.start([
    ...["run", "--service", "client", "--name", "client-x", "--", "node", "-e", CLIENT],
  ]);
  const [, server = ""] = await client.waitFor(/names at (\S+)\./);
  [, admin = ""] = await client.waitFor(/admin at (\S+)\./);
  resolver = new dns.Resolver({ timeout: 5_000, tries: 2 });
  resolver.setServers([server]);
});

after(async () => {
  await home?.remove();
  await elsewhere?.close();
});

function startElsewhere(): Promise<DnsServer> {
  const registry = new MetricRegistry();
  const addresses = [Uint8Array.of(192, 0, 2, 7)];
  const named = { kind: "addresses", name: "www.example.com", ttlSeconds: 60, addresses } as const;
  return DnsServer.listen({
    address: { host: "127.0.0.1", port: 0 },
    config: { table: new NameTable({ domains: [named], zones: [] }), forwarding: undefined },
    clock: systemClock,
    metrics: createDnsMetrics(registry),
    faults: new CallbackFaults(registry, silentLogger),
  });
}

function service(name: string, more: object): object {
  const ports = [{ name: "http", port: 80, targetPort: "http" }];
  const spec = { selector: { app: name }, ports, ...more };
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec };
}

async function apply(...objects: readonly object[]): Promise<void> {
  const file = join(home.path, "resources.yaml");
  await writeFile(file, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  await tulle("apply", "--wait", "-f", file);
}

async function tulle(...words: string[]): Promise<string> {
  const { code, output } = await home.start(words).ended;
  assert.equal(code, 0, output);
  return output;
}

function startApp(name: string, instance: string): TulleProcess {
  const options = ["--service", name, "--name", instance, "--port", "http=auto"];
  return home.start(["run", ...options, "--", "node", "-e", APP]);
}

async function startDatabase(name: string): Promise<void> {
  const run = startApp("db", name);
  databases.set(name, run);
  await run.waitFor(new RegExp(`${name} serves db`));
}

async function ask(host: string, port: number): Promise<string> {
  const outgoing = request({ host, port, agent: false });
  outgoing.end();
  const [response] = await once(outgoing, "response");
  return `${response.statusCode} ${await text(response)}`;
}

const bothListed = () =>
  answerThat(
    () => resolver.resolveSrv(DB),
    (records) => records.length === 2,
  );

test("a service by each of its names, and its port by SRV", async () => {
  const [address = ""] = await resolver.resolve4("catalog.default.svc.tulle.local");
  assert.match(address, /^127\./);
  for (const name of ["catalog", "catalog.default", "catalog.default.svc"]) {
    assert.deepEqual(await resolver.resolve4(name), [address]);
  }
  const [record] = await resolver.resolveSrv("_http._tcp.catalog.default.svc.tulle.local");
  assert.equal(record?.name, "catalog.default.svc.tulle.local");
  assert.equal(record.port, 20_080);
  assert.equal(await ask(address, record.port), "200 catalog-x");
  const [withTtl] = await resolver.resolve4("catalog", { ttl: true });
  assert.equal(withTtl?.ttl, 30);
});

test("hosts outside the mesh lead to the sidecar's listener, all others elsewhere", async () => {
  const [address] = await resolver.resolve4("payments");
  assert.deepEqual(await resolver.resolve4("api.payments.example"), [address]);
  assert.deepEqual(await resolver.resolve4("eu.pay.example"), [address]);
  assert.deepEqual(await resolver.resolve4("www.example.com"), ["192.0.2.7"]);
  await assert.rejects(resolver.resolve4("no.example.com"), { code: "ENOTFOUND" });
});

test("what there is not: no such name, and no address of that kind", async () => {
  await assert.rejects(resolver.resolve4("no.default.svc.tulle.local"), { code: "ENOTFOUND" });
  await assert.rejects(resolver.resolve6("catalog"), { code: "ENODATA" });
  await assert.rejects(resolver.resolveMx("catalog"), { code: "ENODATA" });
});

test("each instance of a headless service by its own name, and by that alone", async () => {
  const records = await bothListed();
  assert.deepEqual(records.map(({ name }) => name).sort(), [`db-0.${DB}`, `db-1.${DB}`]);
  const found = await resolver.resolve4("db");
  assert.equal(new Set(found).size, 2);
  for (const { name, port } of records) {
    const [address = ""] = await resolver.resolve4(name);
    assert.ok(found.includes(address));
    for (let i = 0; i < 5; i++) {
      assert.equal(await ask(address, port), `200 ${name.split(".", 1)[0]}`);
    }
  }
  const [short] = await resolver.resolve4("db-0.db");
  assert.deepEqual(await resolver.resolve4(`db-0.${DB}`), [short]);
  const described = await tulle("describe", "service", "db");
  assert.match(described, /db-1\.db\.default\.svc\.tulle\.local, at an address of its own/);
});

test("an instance that is gone is never another one, and comes back under its address", async () => {
  await bothListed();
  const [address = ""] = await resolver.resolve4(`db-1.${DB}`);
  databases.get("db-1")?.signal("SIGTERM");
  await databases.get("db-1")?.ended;
  const left = await answerThat(
    () => resolver.resolve4("db"),
    (addresses) => addresses.length === 1,
  );
  assert.notEqual(left[0], address);
  // Its listener is gone, or has nobody to send to.
  const gone = await ask(address, 20_080).catch((error: Error) => error.message);
  assert.doesNotMatch(gone, /^200/);
  await startDatabase("db-1");
  await bothListed();
  assert.deepEqual(await resolver.resolve4(`db-1.${DB}`), [address]);
  assert.equal(await ask(address, 20_080), "200 db-1");
});

test("a sidecar counts what it answered", async () => {
  await resolver.resolve4("catalog");
  await resolver.resolve4("www.example.com");
  const [host = "", port] = admin.split(":");
  const outgoing = request({ host, port: Number(port), path: "/stats/prometheus", agent: false });
  outgoing.end();
  const [response] = await once(outgoing, "response");
  const page = (await text(response)).split("\n").filter((line) => line.startsWith("tulle_dns"));
  const counted = page.join("\n");
  assert.match(counted, /\{source="mesh",code="NOERROR"\} [1-9]/);
  assert.match(counted, /\{source="forwarded",code="NOERROR"\} [1-9]/);
});

test("the listener stands with the others, and says which names it knows", async () => {
  const listeners = await tulle("proxy", "config", "client-x", "listeners");
  assert.match(listeners, /dns\|127\.\S+ .*15053/, listeners);
  const json = await tulle("proxy", "config", "client-x", "listeners", "-o", "json");
  assert.match(json, /db-0\.db\.default\.svc\.tulle\.local/);
});

test("what is wrong in dns is named with its field", async () => {
  const file = join(home.path, "wrong.yaml");
  const spec = { dns: { servers: ["ns.example"] } };
  const config = {
    apiVersion: "mesh.tulle.dev/v1",
    kind: "MeshConfig",
    metadata: { name: "default" },
  };
  await writeFile(file, JSON.stringify({ ...config, spec }));
  const { code, output } = await home.start(["apply", "-f", file]).ended;
  assert.notEqual(code, 0);
  assert.match(output, /spec\.dns\.servers\[0\].*must be an IP address/);
});
