/** `tulle explain` with a real control plane and sidecars, from documents, and by a configuration dump. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { saying, TulleHome } from "../support/tulle-process.ts";

const APP = `require("node:http").createServer((_, response) => response.end("ok")).listen(process.env.PORT, "127.0.0.1")`;
/** Prints what the answers of the sidecars themselves carry. */
const CLIENT = `
  const { CATALOG_SERVICE_HOST: host, CATALOG_SERVICE_PORT: port } = process.env;
  const show = (path, headers) => fetch("http://" + host + ":" + port + path, { headers }).then((answer) =>
    console.log(path, answer.status, answer.headers.get("x-tulle-response-flags"), answer.headers.get("x-tulle-cause")));
  show("/none").then(() => show("/lost")).then(() => show("/items/7", { "x-user": "7" }));
`;

const ROUTES = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog, port: 80 }]
  rules:
    - name: exact
      matches: [{ path: { type: Exact, value: /items/8 } }]
      backendRefs: [{ name: catalog, port: 80 }]
    - name: tester
      matches: [{ path: { value: /items }, headers: [{ name: x-user, value: "7" }] }]
      backendRefs: [{ name: catalog, port: 80 }]
    - name: items
      matches: [{ path: { value: /items } }]
      timeouts: { request: 3s }
      filters:
        - type: URLRewrite
          urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /v1 } }
      backendRefs: [{ name: catalog, port: 80 }]
    - name: numbers
      matches: [{ path: { type: RegularExpression, value: "/items/[0-9]+" } }]
      backendRefs: [{ name: catalog, port: 80 }]
    - name: lost
      matches: [{ path: { value: /lost } }]
      backendRefs: [{ name: empty, port: 80 }]
---
apiVersion: v1
kind: Service
metadata: { name: empty }
spec: { selector: { app: empty }, ports: [{ name: http, port: 80 }] }
---
apiVersion: mesh.tulle.dev/v1
kind: TrafficPolicy
metadata: { name: patient }
spec:
  targetRefs: [{ group: "", kind: Service, name: catalog }]
  timeouts: { request: 20s }
`;
const SERVICE = `
---
apiVersion: v1
kind: Service
metadata: { name: catalog }
spec: { selector: { app: catalog }, ports: [{ name: http, port: 80 }] }
`;

const ASKED = ["explain", "GET", "http://catalog/items/7?page=2", "-H", "x-user: 5"];

describe("tulle explain", () => {
  let home: TulleHome;
  let app: ChildProcess;
  let instance = "";

  before(async () => {
    home = await TulleHome.open();
    await home.startControlPlane();
    app = home.start([
      "run",
      "--service",
      "catalog",
      "--port",
      "auto",
      "--",
      process.execPath,
      "-e",
      APP,
    ]);
    app.stdout?.resume();
    await saying(app, /serves catalog/);
    await home.succeed(["apply", "-f", "-", "--wait", "--timeout", "60s"], ROUTES);
    const { proxies } = JSON.parse(await home.succeed(["status", "-o", "json"]));
    instance = proxies[0].id;
  });

  after(() => home.close());

  test("the way of a request through a running mesh", async () => {
    const shown = await home.succeed([...ASKED, "--from", "catalog"]);
    assert.match(shown, /^GET catalog\/items\/7\?page=2\nforwarded to outbound\|80\|\|catalog\./);
    assert.match(shown, new RegExp(`From: +default/catalog \\(${instance}\\)`));
    assert.match(shown, /Name: +HTTPRoute\/default\/catalog\/rule\/items\/match\/0, 3 of 5/);
    assert.match(shown, /From: +HTTPRoute default\/catalog, rule items, match 1/);
    assert.match(shown, /Changes: +path: \/items\/7 becomes \/v1\/7/);
    assert.match(
      shown,
      /1 +HTTPRoute .* rule exact, match 1 +path is \/items\/7, wanted exact \/items\/8/,
    );
    assert.match(shown, /2 +HTTPRoute .* rule tester, match 1 +header x-user is 5, wanted exact 7/);
    assert.match(shown, /timeouts\.request +3s +HTTPRoute default\/catalog rule items/);
    assert.match(shown, /TrafficPolicy default\/patient +Service default\/catalog +yes/);
    assert.match(shown, / 127\.\d+\.\d+\.\d+:\d+ .* healthy +0 +\d+ +yes\n/);
    assert.equal(shown, stripVTControlCharacters(shown));
  });

  test("as JSON, and what no route takes", async () => {
    const asked = ["explain", "POST", "http://catalog.default/other", "-o", "json"];
    const { route, passedCount, outcome, clusters } = JSON.parse(await home.succeed(asked));
    assert.deepEqual(
      { route, passedCount, clusters },
      { route: null, passedCount: 5, clusters: [] },
    );
    assert.equal(outcome, "404 (NR): no route takes this request");
  });

  test("a match that no request reaches is a finding", async () => {
    const { stdout } = await home.tulle(["check"]);
    assert.match(
      stdout,
      /warning: HTTPRoute default\/catalog spec\.rules\[3\]\.matches\[0\]: no request reaches it: HTTPRoute\/default\/catalog\/rule\/items\/match\/0 stands before it/,
    );
  });

  test("what is asked wrongly is told with the nearest name", async () => {
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [["http://catalogue/"], /routes nothing to catalogue[\s\S]*did you mean catalog\?/],
      [["http://catalog:81/"], /catalog has no HTTP port 81[\s\S]*its ports are 80/],
      [["http://catalog/", "--from", "catalgo"], /called "catalgo"[\s\S]*did you mean catalog/],
      [["http://catalog/", "--from", "default/nobody"], /"default\/nobody" in namespace default/],
      [["http:///x"], /is no URL/],
    ];
    for (const [words, message] of wrong) await home.refuse(["explain", ...words], 1, message);
    await home.refuse(["explain", "http://catalog/", "-H", "nothing"], 2, /is no header/);
    await home.refuse(["explain", "GET"], 2, /where is GET sent/);
  });

  test("by the proxy's own configuration dump", async () => {
    const file = join(home.folder, "dump.json");
    writeFileSync(file, await home.succeed(["proxy", "config", instance, "-o", "json"]));
    const shown = await home.succeed([...ASKED, "--config-dump", file]);
    assert.match(shown, /rule\/items\/match\/0, 3 of 5/);
    assert.match(shown, /header x-user is 5, wanted exact 7/);
    assert.match(shown, / 127\.\d+\.\d+\.\d+:\d+ .* healthy +yes\n/);
  });

  test("from documents, without a control plane", async () => {
    const file = join(home.folder, "mesh.yaml");
    writeFileSync(file, ROUTES + SERVICE);
    const shown = await home.succeed([...ASKED, "-f", file]);
    assert.match(shown, /^GET [^\n]+\nforwarded to outbound\|80\|\|catalog\./);
    assert.match(shown, /From: +a workload of namespace default/);
    assert.match(shown, /timeouts\.request +3s +HTTPRoute default\/catalog rule items/);
    assert.match(shown, /no endpoints/);
  });

  test("the answers of a sidecar itself carry their flag, and the object that caused them", async () => {
    const client = home.start(["run", "--service", "client", "--", process.execPath, "-e", CLIENT]);
    const said = await text(client.stdout!);
    assert.match(said, /\/none 404 NR Service\/default\/catalog\n/);
    assert.match(said, /\/lost 503 UH HTTPRoute\/default\/catalog\/rule\/lost\/match\/0\n/);
    assert.match(said, /\/items\/7 200 null null\n/);
  });
});
