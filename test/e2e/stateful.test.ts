/** `stateful` in mesh.yaml: instances keep their names, and an app finds each of them by the server that it is told. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { TulleHome, type TulleProcess } from "./tulle-process.ts";

const APP = `
require("node:http").createServer((request, response) => response.end(process.env.TULLE_INSTANCE))
  .listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
`;

const CLIENT = `
const dns = require("node:dns");
dns.setServers([process.env.TULLE_DNS]);
const listed = () => dns.promises.resolveSrv("_http._tcp.db.default.svc.tulle.local");
(async () => {
  let records = await listed();
  while (records.length < 2) records = await listed();
  for (const { name, port } of records) {
    const [address] = await dns.promises.resolve4(name);
    const answer = await fetch("http://" + address + ":" + port + "/");
    console.log(name + " says " + answer.status + " " + (await answer.text()) + ".");
  }
})();
setInterval(() => {}, 60_000);
process.on("SIGTERM", () => process.exit(0));
`;

let home: TulleHome;
let up: TulleProcess;

before(async () => {
  home = await TulleHome.create();
  const db = { command: ["node", "app.js"], port: "http=auto", replicas: 2, stateful: true };
  const client = { command: ["node", "client.js"], dependsOn: ["db"] };
  const mesh = { mesh: "stateful", resources: "resources.yaml", services: { db, client } };
  const ports = [{ name: "http", port: 8080, targetPort: "http" }];
  const spec = { clusterIP: "None", selector: { app: "db" }, ports };
  const service = { apiVersion: "v1", kind: "Service", metadata: { name: "db" }, spec };
  await writeFile(join(home.path, "mesh.yaml"), JSON.stringify(mesh));
  await writeFile(join(home.path, "resources.yaml"), JSON.stringify(service));
  await writeFile(join(home.path, "app.js"), APP);
  await writeFile(join(home.path, "client.js"), CLIENT);
  up = home.start(["up"]);
});

after(() => home?.remove());

test("each instance answers under its own name", async () => {
  for (const name of ["db-0", "db-1"]) {
    const pattern = new RegExp(`${name}\\.db\\.default\\.svc\\.tulle\\.local says (.*)\\.`);
    const [, answer] = await up.waitFor(pattern);
    assert.equal(answer, `200 ${name}`);
  }
});
