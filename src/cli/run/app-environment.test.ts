import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ServiceView } from "../../control-plane/api-types.ts";
import { appEnvironment, writeNamesFile } from "./app-environment.ts";
import type { InstanceSpec } from "./instance-spec.ts";
import { LoopbackBlock } from "./loopback-block.ts";

const block = new LoopbackBlock(37 * 4 + 1);

const spec: InstanceSpec = {
  name: "web-x7k2p",
  service: "web",
  namespace: "default",
  serviceAccount: "web",
  labels: { app: "web" },
  zone: "",
  address: undefined,
  ports: [
    { name: "http", port: 8080, protocol: "http" },
    { name: "admin-api", port: 8081, protocol: "http" },
  ],
  command: ["node", "web.js"],
  cwd: "/",
  env: { HOME: "/home/me", CATALOG_SERVICE_HOST: "overridden", GONE: undefined },
  readiness: { kind: "tcp" },
  workers: undefined,
};

function service(name: string, serviceIndex: number, more: Partial<ServiceView> = {}): ServiceView {
  const namespace = more.namespace ?? "default";
  return {
    name,
    namespace,
    host: `${name}.${namespace}.svc.tulle.local`,
    serviceIndex,
    kind: "Service",
    ports: [
      {
        name: "http",
        port: 80,
        listenPort: 20_080,
        targetPort: "http",
        protocol: "http",
        protocolOrigin: "the port's name http",
      },
    ],
    selector: { app: name },
    versions: [],
    routes: [],
    instanceIndexes: {},
    policy: [],
    findings: [],
    ...more,
  };
}

const services = [
  service("catalog", 0),
  service("order-book", 1, {
    ports: [
      {
        name: "http",
        port: 8080,
        listenPort: 8080,
        targetPort: "http",
        protocol: "http",
        protocolOrigin: "the port's name http",
      },
      {
        name: "grpc-api",
        port: 9090,
        listenPort: 9090,
        targetPort: "grpc",
        protocol: "http2",
        protocolOrigin: "the port's name grpc-api",
      },
    ],
  }),
  service("ledger", 2, { namespace: "bank" }),
  service("external", 3, { ports: [] }),
];

test("sets the variables that Kubernetes would, over the app's own", () => {
  const env = appEnvironment({
    ...{ spec, block, services, mesh: "shop", namesFile: "/run/names" },
    dnsPort: 15_053,
  });
  assert.deepEqual(env, {
    HOME: "/home/me",
    CATALOG_SERVICE_HOST: "127.37.65.0",
    CATALOG_SERVICE_PORT: "20080",
    CATALOG_SERVICE_PORT_HTTP: "20080",
    ORDER_BOOK_SERVICE_HOST: "127.37.65.1",
    ORDER_BOOK_SERVICE_PORT: "8080",
    ORDER_BOOK_SERVICE_PORT_HTTP: "8080",
    ORDER_BOOK_SERVICE_PORT_GRPC_API: "9090",
    BANK_LEDGER_SERVICE_HOST: "127.37.65.2",
    BANK_LEDGER_SERVICE_PORT: "20080",
    BANK_LEDGER_SERVICE_PORT_HTTP: "20080",
    PORT: "8080",
    PORT_HTTP: "8080",
    PORT_ADMIN_API: "8081",
    HOST: "127.0.0.1",
    TULLE_MESH: "shop",
    TULLE_INSTANCE: "web-x7k2p",
    TULLE_SERVICE: "web",
    TULLE_NAMESPACE: "default",
    TULLE_SIDECAR_ADMIN: "127.37.64.1:15000",
    TULLE_NAMES_FILE: "/run/names",
    TULLE_DNS: "127.37.64.1:15053",
  });
});

test("an app without ports is told none", () => {
  const env = appEnvironment({
    spec: { ...spec, ports: [] },
    block,
    services: [],
    mesh: "shop",
    namesFile: "",
  });
  assert.equal(env["PORT"], undefined);
  assert.equal(env["HOST"], undefined);
});

test("writes names in the form of hosts(5)", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tulle-test-"));
  const file = await writeNamesFile(folder, { spec, block, services: services.slice(0, 3) });
  assert.equal(
    await readFile(file, "utf8"),
    `127.37.65.0 catalog catalog.default catalog.default.svc catalog.default.svc.tulle.local # port 20080
127.37.65.1 order-book order-book.default order-book.default.svc order-book.default.svc.tulle.local # port 8080 9090
127.37.65.2 ledger.bank ledger.bank.svc ledger.bank.svc.tulle.local # port 20080
`,
  );
  await rm(folder, { recursive: true });
});

test("instances of a headless service have names of their own", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tulle-test-"));
  const host = "db-0.db.default.svc.tulle.local";
  const db = service("db", 4, { instanceIndexes: { "db-0": 9 } });
  const file = await writeNamesFile(folder, { spec, block, services: [db] });
  const [, second] = (await readFile(file, "utf8")).split("\n");
  assert.equal(
    second,
    `127.37.65.9 db-0.db db-0.db.default db-0.db.default.svc ${host} # port 20080`,
  );
  await rm(folder, { recursive: true });
});
