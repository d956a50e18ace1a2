/** `tulle up` and `tulle down` with the real control plane, sidecars and apps. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { TulleHome } from "./tulle-process.ts";

let home: TulleHome;

beforeEach(async () => {
  home = await TulleHome.create();
});

afterEach(() => home.remove());

/** A back end, and a front end that answers with what the back end says. */
const MESH_FILE = `
mesh: pair
services:
  front:
    command: [node, front.js]
    port: auto
    ready: /
    dependsOn: [back]
  back:
    command: [node, back.js]
    port: auto
    replicas: 2
`;
const BACK = `
  const http = require("node:http");
  const server = http.createServer((request, response) => response.end("back"));
  server.listen(process.env.PORT, "127.0.0.1", () => console.log("pid " + process.pid + " at " + process.env.PORT));
  process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;
const FRONT = `
  const http = require("node:http");
  const { BACK_SERVICE_HOST: host, BACK_SERVICE_PORT: port } = process.env;
  const server = http.createServer((request, response) => {
    http.get({ host, port }, (answer) => { response.statusCode = answer.statusCode; answer.pipe(response); });
  });
  server.listen(process.env.PORT, "127.0.0.1", () => console.log("open at http://127.0.0.1:" + process.env.PORT + "/"));
  process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;

async function writeApplication(meshFile = MESH_FILE): Promise<void> {
  await writeFile(join(home.path, "mesh.yaml"), meshFile);
  await writeFile(join(home.path, "front.js"), FRONT);
  await writeFile(join(home.path, "back.js"), BACK);
}

test("runs an application until `tulle down`, and leaves no process", async () => {
  await writeApplication();
  const up = home.start(["up"]);
  await up.waitFor(/everything is ready/);
  const [, url = ""] = await up.waitFor(/front {2}\| open at (\S+)/);
  const answer = await fetch(url);
  assert.equal(await answer.text(), "back");
  assert.match(up.output, /back#1 is ready[\s\S]*front is ready/);
  const second = await home.start(["up"]).ended;
  assert.equal(second.code, 1);
  assert.match(second.output, /is up already/);
  const down = await home.start(["down"]).ended;
  assert.equal(down.code, 0, down.output);
  const ending = await up.ended;
  assert.equal(ending.code, 0, ending.output);
  await home.emptied();
  const again = await home.start(["down"]).ended;
  assert.equal(again.code, 3);
});

test("starts what crashes again, and the front end keeps being served meanwhile", async () => {
  await writeApplication();
  const up = home.start(["up"]);
  await up.waitFor(/everything is ready/);
  const [, url = ""] = await up.waitFor(/open at (\S+)/);
  const [, pid] = await up.waitFor(/back#1 \| pid (\d+)/);
  process.kill(Number(pid), "SIGKILL");
  await up.waitFor(/back#1 was killed by SIGKILL; starts again in/);
  await up.waitFor(new RegExp(`back#1 \\| pid (?!${pid} )\\d+`));
  assert.equal((await fetch(url)).status, 200);
  up.signal("SIGINT");
  const ending = await up.ended;
  assert.equal(ending.code, 0, ending.output);
  await home.emptied();
});

test("a second Ctrl-C and a kill that nobody can catch leave no process either", async () => {
  await writeApplication();
  const impatient = home.start(["up"]);
  await impatient.waitFor(/everything is ready/);
  impatient.signal("SIGINT");
  await impatient.waitFor(/stopping/);
  impatient.signal("SIGINT");
  await impatient.ended;
  await home.emptied();
  const killed = home.start(["up"]);
  await killed.waitFor(/everything is ready/);
  killed.signal("SIGKILL");
  await killed.ended;
  await home.emptied();
});

test("Ctrl-C ends it at any moment of its start", async () => {
  await writeApplication();
  // After the first of these lines nothing is started yet, after the last one dependents still wait.
  for (const moment of [/control plane of mesh pair/, /created a Service/, /back#1 is ready/]) {
    const up = home.start(["up"]);
    await up.waitFor(moment);
    up.signal("SIGINT");
    const ending = await up.ended;
    assert.equal(ending.code, 0, ending.output);
    await home.emptied();
    await rm(join(home.path, "pair"), { recursive: true });
  }
});

test("a control plane that dies comes back on the same addresses, and requests go on", async () => {
  await writeApplication();
  const up = home.start(["up"]);
  await up.waitFor(/everything is ready/);
  const [, url = ""] = await up.waitFor(/open at (\S+)/);
  const controlPlane = home.processes().find(({ command }) => command.includes("control-plane"));
  assert.ok(controlPlane !== undefined);
  process.kill(controlPlane.pid, "SIGKILL");
  await up.waitFor(/the control plane was killed by SIGKILL; starts again/);
  assert.equal((await fetch(url)).status, 200);
  // Every proxy is connected again.
  for (;;) {
    const status = await home.start(["status", "-o", "json"]).ended;
    if (status.code === 0 && (status.output.match(/"connected": true/g) ?? []).length === 3) break;
  }
  assert.equal((await fetch(url)).status, 200);
  up.signal("SIGINT");
  assert.equal((await up.ended).code, 0);
  await home.emptied();
});

test("uses a control plane that runs already and leaves it running", async () => {
  await writeApplication();
  const flags = [
    "--mesh",
    "pair",
    "--xds-address",
    "127.0.0.1:0",
    "--admin-address",
    "127.0.0.1:0",
  ];
  const controlPlane = home.start(["control-plane", ...flags]);
  await controlPlane.waitFor(/ready/);
  const up = home.start(["up"]);
  await up.waitFor(/using the control plane of mesh pair/);
  await up.waitFor(/everything is ready/);
  up.signal("SIGTERM");
  assert.equal((await up.ended).code, 0);
  assert.ok(home.processes().every(({ command }) => command.includes("control-plane")));
  controlPlane.signal("SIGTERM");
  await controlPlane.ended;
  await home.emptied();
});

test("refuses a wrong file, a missing program and a taken port before anything starts", async () => {
  await writeApplication("services:\n  a: {comand: node a.js}\n");
  const wrong = await home.start(["up"]).ended;
  assert.equal(wrong.code, 1);
  assert.match(wrong.output, /mesh\.yaml:2:7: services\.a\.comand: .*did you mean command/);
  await writeApplication("services:\n  a: {command: no-such-program-anywhere}\n");
  const missing = await home.start(["up"]).ended;
  assert.match(missing.output, /the program "no-such-program-anywhere" is not installed/);
  assert.equal(missing.code, 1);
  const occupant = createServer();
  await new Promise<void>((resolve) => occupant.listen(0, "127.0.0.1", resolve));
  const { port } = occupant.address() as AddressInfo;
  await writeApplication(`services:\n  a: {command: node front.js, port: ${port}}\n`);
  const taken = await home.start(["up"]).ended;
  assert.match(taken.output, new RegExp(`port ${port} is in use`));
  assert.equal(taken.code, 1);
  occupant.close();
});

test("an app that fails before it is ready stops the application, with exit code 1", async () => {
  await writeApplication(
    "services:\n  a: {command: [sh, -c, 'echo oh no; exit 9'], port: auto, restart: never}\n",
  );
  const ending = await home.start(["up"]).ended;
  assert.equal(ending.code, 1, ending.output);
  assert.match(ending.output, /a {5}\| oh no/);
  assert.match(ending.output, /a exited with code 9 before it was ready/);
  await home.emptied();
});
