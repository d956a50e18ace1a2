import assert from "node:assert/strict";
import { test } from "node:test";
import { CliError } from "../errors.ts";
import { parseMeshFile } from "./mesh-file.ts";

function messageOf(text: string): string {
  try {
    parseMeshFile(text, "mesh.yaml");
  } catch (error) {
    assert.ok(error instanceof CliError, String(error));
    return error.message;
  }
  assert.fail(`accepted: ${text}`);
}

test("fills in every default", () => {
  const file = parseMeshFile("services:\n  catalog: {command: node app.js}\n", "mesh.yaml");
  assert.deepEqual(file, {
    mesh: "default",
    resources: undefined,
    services: [
      {
        key: "catalog",
        service: "catalog",
        namespace: "default",
        serviceAccount: "catalog",
        command: ["node", "app.js"],
        fallbackCommand: undefined,
        ports: [],
        labels: { app: "catalog" },
        replicas: 1,
        isStateful: false,
        workers: undefined,
        env: {},
        workingDirectory: ".",
        dependsOn: [],
        readiness: { kind: "tcp" },
        restart: "on-failure",
        zone: "",
      },
    ],
    gateways: [],
  });
});

test("reads gateways", () => {
  const text =
    "services:\n  catalog: {command: node app.js}\ngateways:\n  shop: {}\n  all: {address: 0.0.0.0, workers: 2, serviceAccount: edge}\n";
  assert.deepEqual(parseMeshFile(text, "mesh.yaml").gateways, [
    {
      name: "shop",
      namespace: "default",
      serviceAccount: "shop",
      address: "127.0.0.1",
      zone: "",
      workers: "auto",
    },
    {
      name: "all",
      namespace: "default",
      serviceAccount: "edge",
      address: "0.0.0.0",
      zone: "",
      workers: 2,
    },
  ]);
  assert.throws(
    () => parseMeshFile(text.replace("0.0.0.0", "everywhere"), "mesh.yaml"),
    /gateways\.all\.address.*an IP address/,
  );
});

test("reads every field", () => {
  const text = `
mesh: shop
resources: k8s
services:
  db: {command: [redis-server, --port, "6379"], port: 6379/tcp, restart: never, ready: none}
  catalog-v1:
    service: catalog
    command: node app.js --name 'a b'
    fallbackCommand: [python3, app.py]
    port: [auto, admin=9000-9009/tcp]
    labels: {version: v1}
    replicas: 3
    stateful: true
    env: {LOG: debug, LIMIT: 10, FAST: true}
    workingDirectory: apps
    dependsOn: {db: started}
    ready: /healthz
    restart: always
    namespace: shop
    serviceAccount: reader
    zone: zone-a
    workers: auto
  web: {command: node web.js, dependsOn: [catalog-v1]}
`;
  const { mesh, resources, services } = parseMeshFile(text, "mesh.yaml");
  assert.equal(mesh, "shop");
  assert.equal(resources, "k8s");
  assert.deepEqual(services[0]?.ports, [
    { name: "tcp", range: { first: 6379, last: 6379 }, protocol: "tcp" },
  ]);
  assert.deepEqual(services[1], {
    key: "catalog-v1",
    service: "catalog",
    namespace: "shop",
    serviceAccount: "reader",
    command: ["node", "app.js", "--name", "a b"],
    fallbackCommand: ["python3", "app.py"],
    ports: [
      { name: "http", range: undefined, protocol: "http" },
      { name: "admin", range: { first: 9000, last: 9009 }, protocol: "tcp" },
    ],
    labels: { app: "catalog", version: "v1" },
    replicas: 3,
    isStateful: true,
    workers: "auto",
    env: { LOG: "debug", LIMIT: "10", FAST: "true" },
    workingDirectory: "apps",
    dependsOn: [{ key: "db", until: "started" }],
    readiness: { kind: "http", path: "/healthz" },
    restart: "always",
    zone: "zone-a",
  });
  assert.deepEqual(services[2]?.dependsOn, [{ key: "catalog-v1", until: "healthy" }]);
});

test("reports every violation, sorted by line, with field and nearest name", () => {
  const message = messageOf(`mesh: Shop
services:
  catalog:
    comand: node app.js
    port: 99999
    labels: {version: 1}
    replicas: 0
    restart: onfailure
  web:
    command: node web.js | tee log
    dependsOn: [catalgo]
`);
  const lines = message.split("\n");
  assert.match(lines[0] ?? "", /^mesh\.yaml has \d+ errors:$/);
  const expected: readonly RegExp[] = [
    /^mesh\.yaml:1:7: mesh: is "Shop"/,
    /^mesh\.yaml:3:3: services\.catalog\.command: is missing/,
    /^mesh\.yaml:4:5: services\.catalog\.comand: there is no field comand; did you mean command\?/,
    /^mesh\.yaml:5:11: services\.catalog\.port: "99999" is not within 1 to 65535/,
    /^mesh\.yaml:6:23: services\.catalog\.labels\.version: is 1, .* write "1"/,
    /^mesh\.yaml:7:15: services\.catalog\.replicas: is 0; allowed is at least 1/,
    /^mesh\.yaml:8:14: services\.catalog\.restart: .*did you mean on-failure\?/,
    /^mesh\.yaml:11:17: services\.web\.dependsOn\[0\]: names no service of this file; did you mean catalog\?/,
  ];
  for (const pattern of expected) {
    assert.ok(
      lines.some((line) => pattern.test(line)),
      `${pattern} in\n${message}`,
    );
  }
  const numbers = lines.slice(1).map((line) => Number(line.split(":")[1]));
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
});

test("refuses numbers of workers that no sidecar can have", () => {
  for (const [workers, message] of [
    ["0", "is 0; allowed is at least 1"],
    ["-1", "is -1; allowed is at least 1"],
    ["1.5", "is 1.5; allowed is a whole number from 1 to 64, or auto for one per core"],
    ["abc", 'is "abc"; allowed is a whole number from 1 to 64, or auto for one per core'],
    ["65", "is 65; allowed is at most 64"],
  ]) {
    const found = messageOf(`services:\n  a: {command: x, workers: ${workers}}\n`);
    assert.ok(found.endsWith(`mesh.yaml:2:28: services.a.workers: ${message}`), found);
  }
});

test("refuses command lines that need a shell, pointing at them", () => {
  assert.match(
    messageOf("services:\n  web:\n    command: node web.js | tee log\n"),
    /mesh\.yaml:3:14: services\.web\.command: "\|" is for a shell/,
  );
});

test("refuses circles of dependencies", () => {
  const text = `services:
  a: {command: x, dependsOn: [b]}
  b: {command: x, dependsOn: [c]}
  c: {command: x, dependsOn: [b]}
`;
  assert.match(messageOf(text), /waits for itself: b → c → b/);
});

test("refuses ports that replicas cannot share and port names given twice", () => {
  assert.match(
    messageOf("services:\n  a: {command: x, port: 8080, replicas: 2}\n"),
    /services\.a\.port: is too few for 2 replicas/,
  );
  assert.match(
    messageOf("services:\n  a: {command: x, port: [8080, 8081]}\n"),
    /services\.a\.port\[1\]: has the name http again/,
  );
});

test("refuses text that is not YAML, repeated keys and an empty file, with the line", () => {
  assert.match(messageOf("services:\n  a: {command: [\n"), /^mesh\.yaml has .*\nmesh\.yaml:3:/);
  assert.match(messageOf("mesh: a\nmesh: b\nservices: {}\n"), /mesh\.yaml:2:1: .*unique/);
  assert.match(messageOf(""), /mesh\.yaml:1:1: /);
  assert.match(messageOf("services: {}\n"), /services: holds 1 to 200 services/);
});
