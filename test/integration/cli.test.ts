/** The real `bin/tulle` against a real control plane process: what commands do, print and return. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stopProcess, TulleHome } from "../support/tulle-process.ts";

const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: catalog}
spec:
  selector: {app: catalog}
  ports:
    - {name: http, port: 80, targetPort: 8080}
`;

const ROUTE = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: catalog}
spec:
  parentRefs: [{group: "", kind: Service, name: catalog}]
  rules:
    - name: testers
      matches: [{headers: [{name: x-tester, value: "yes"}]}]
      backendRefs: [{name: catalog, port: 80}]
    - name: rest
      timeouts: {request: 7s}
      backendRefs: [{name: catalog, port: 80}]
`;

function workload(name: string, version: string, address: string): string {
  return `apiVersion: mesh.tulle.dev/v1
kind: Workload
metadata:
  name: ${name}
  labels: {app: catalog, version: ${version}}
spec:
  address: ${address}
  ports: [{name: http, port: 8080}]
`;
}

describe("tulle and a control plane", () => {
  let home: TulleHome;
  let controlPlane: ChildProcess;

  before(async () => {
    home = await TulleHome.open();
    await mkdir(join(home.folder, "mesh", "workloads"), { recursive: true });
    await writeFile(join(home.folder, "mesh", "service.yaml"), SERVICE);
    const workloads = [workload("one", "v1", "192.0.2.1"), workload("two", "v2", "192.0.2.2")];
    await writeFile(join(home.folder, "mesh", "workloads", "all.yaml"), workloads.join("---\n"));
    controlPlane = await home.startControlPlane();
  });

  after(() => home.close());

  test("a dry run writes nothing; a folder is applied, and again without a change", async () => {
    await home.succeed(["apply", "-f", "mesh", "-R", "--dry-run"]);
    assert.equal(await home.succeed(["get", "services", "-A", "-o", "name"]), "");
    assert.equal(
      await home.succeed(["apply", "-f", "mesh", "-R", "--wait"]),
      "Service default/catalog  created\nWorkload default/one     created\nWorkload default/two     created\n",
    );
    assert.match(await home.succeed(["apply", "-f", "mesh", "-R"]), /^(.* unchanged\n){3}$/);
  });

  test("get, describe, status, check and version read it back", async () => {
    const [table, name, yaml, json, described, status, checked, version] = await Promise.all([
      home.succeed(["get", "svc"]),
      home.succeed(["get", "wl", "-l", "version=v2", "-o", "name"]),
      home.succeed(["get", "workload/one", "-o", "yaml"]),
      home.succeed(["get", "workloads", "-o", "json"]),
      home.succeed(["describe", "service", "catalog"]),
      home.succeed(["status", "-o", "json"]),
      home.tulle(["check", "-o", "json"]),
      home.succeed(["version", "-o", "json"]),
    ]);
    assert.match(
      table,
      /^NAME +PORTS +ENDPOINTS +VERSIONS +AGE\ncatalog +http:80→8080 +2\/2 +v1,v2 +\d+s\n$/,
    );
    assert.equal(name, "workload/two\n");
    assert.match(yaml, /^apiVersion: mesh\.tulle\.dev\/v1\nkind: Workload\n/);
    assert.equal(JSON.parse(json).items.length, 2);
    assert.match(described, /\n {2}v2 +1\/1 +two +192\.0\.2\.2 +- +manual\n/);
    assert.match(described, /\n {2}connectTimeout +\S+ +(built-in default|MeshConfig default)\n/);
    assert.deepEqual(JSON.parse(status).proxies, []);
    assert.ok(checked.code === 0 || checked.code === 1);
    assert.equal(JSON.parse(checked.stdout).sections[0].items.length, 3);
    assert.equal(JSON.parse(version).controlPlane.mesh, "default");
  });

  test("what get prints can be applied again", async () => {
    for (const format of ["yaml", "json"]) {
      const printed = await home.succeed(["get", "workloads", "-o", format]);
      assert.match(
        await home.succeed(["apply", "-f", "-"], printed),
        /^(.* unchanged\n){2}$/,
        format,
      );
    }
  });

  test("split makes the route and the versions' Services, and keeps other rules of a route", async () => {
    const made = await home.tulle(["split", "catalog", "v1=90", "v2=10", "--wait"]);
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /\nv1 +catalog-v1:80 +90 +90% +1\nv2 +catalog-v2:80 +10 +10% +1\n$/);
    assert.match(made.stderr, /Service default\/catalog-v1 created\n/);
    assert.match(
      await home.succeed(["split", "catalog"]),
      /every request\n.*\n {2}catalog-v1:80 +90 +90% +1\n/,
    );
    await home.succeed(["apply", "-f", "-"], ROUTE);
    await home.succeed(["split", "catalog", "v1=99.5%", "v2=0.5%", "-q"]);
    const { spec } = JSON.parse(await home.succeed(["get", "hr", "catalog", "-o", "json"]));
    const [testers, rest] = spec.rules;
    assert.deepEqual([testers.name, testers.backendRefs[0].name], ["testers", "catalog"]);
    assert.equal(rest.timeouts.request, "7s");
    assert.deepEqual(
      rest.backendRefs.map((ref: { name: string; weight: number }) => [ref.name, ref.weight]),
      [
        ["catalog-v1", 9950],
        ["catalog-v2", 50],
      ],
    );
    await home.refuse(
      ["split", "catalog", "v1=1", "v22=1"],
      1,
      /no version "v22" \(did you mean "v2"\?\)/,
    );
  });

  test("a document that breaks its schema is refused whole, with file, line, field and nearest name", async () => {
    const broken = SERVICE.replace("targetPort", "targetPrt").replace("catalog}", "other}");
    const bad = `${SERVICE.replace("name: catalog", "name: fine")}---\n${broken}`;
    await home.refuse(
      ["apply", "-f", "-"],
      1,
      /^<stdin>:15:\d+: .*spec\.ports\[0\]\.targetPrt.*targetPort/m,
      bad,
    );
    await home.refuse(["get", "svc", "fine"], 1, /no Service "fine"/);
  });

  test("documents take the namespace of -n, and line numbers stay those of the file", async () => {
    await home.succeed(["apply", "-n", "shop", "-f", "-"], SERVICE);
    assert.equal(
      await home.succeed(["get", "svc", "-n", "shop", "-o", "name"]),
      "service/catalog\n",
    );
    const bad = SERVICE.replace("{name: catalog}", "\n  name: catalog").replace(
      "targetPort",
      "targetPrt",
    );
    await home.refuse(["apply", "-n", "shop", "-f", "-"], 1, /^<stdin>:8:\d+: /m, bad);
  });

  test("an object that is doubtful is written, and its finding is an exit code", async () => {
    const doubtful = ROUTE.replace(/name: catalog, port/g, "name: nowhere, port").replace(
      "{name: catalog}",
      "{name: odd}",
    );
    await home.refuse(["apply", "-f", "-"], 1, /HTTPRoute default\/odd.*nowhere/, doubtful);
    assert.equal(await home.succeed(["get", "hr/odd", "-o", "name"]), "httproute/odd\n");
    await home.succeed(["delete", "hr", "odd", "--wait"]);
  });

  test("wrong command lines and missing objects name what is wrong, each with its exit code", async () => {
    await Promise.all([
      home.refuse(["get", "pods"], 2, /unknown kind "pods".*\nhint: the kinds are/),
      home.refuse(["get", "svc", "-o", "xml"], 2, /"xml" is not a format/),
      home.refuse(["delete", "svc"], 2, /which Service\? A name is missing/),
      home.refuse(
        ["describe", "svc", "catalgo"],
        1,
        /no Service "catalgo".*did you mean "catalog"/,
      ),
      home.refuse(["status", "nobody"], 1, /no proxy "nobody"/),
      home.refuse(["get", "svc", "-l", "a b"], 1, /a b/),
      home.refuse(["proxy", "config", "catalog"], 1, /no proxy "catalog"/),
      home.refuse(["get", "svc", "--mesh", "other"], 3, /no control plane of a mesh "other"/),
    ]);
  });

  test("completion offers the names of what exists", async () => {
    assert.equal(await home.succeed(["__complete", "--", "get", "workloads", ""]), "one\ntwo\n");
    assert.equal(await home.succeed(["__complete", "--", "get", "svc", "-n", "s"]), "shop\n");
  });

  test("delete by file leaves nothing, and a second time is refused unless asked otherwise", async () => {
    assert.match(
      await home.succeed(["delete", "-f", "mesh", "-R"]),
      /Workload default\/two {2}deleted/,
    );
    await home.refuse(["delete", "-f", "mesh", "-R"], 1, /no Workload "two"/);
    assert.equal(await home.succeed(["delete", "-f", "mesh", "-R", "--ignore-not-found"]), "");
  });

  test("without its control plane, commands say so with exit code 3", async () => {
    assert.equal(await stopProcess(controlPlane), 0);
    await home.refuse(
      ["get", "svc"],
      3,
      /no control plane runs here.*\nhint: start one with `tulle control-plane`/,
    );
    const checked = await home.tulle(["check"]);
    assert.equal(checked.code, 3);
    assert.match(checked.stdout, /× the control plane is known/);
    assert.equal((await home.tulle(["version"])).code, 0);
  });
});
