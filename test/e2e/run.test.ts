/** `tulle run` with the real control plane, sidecar and apps. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { TulleHome, type TulleProcess } from "./tulle-process.ts";

let home: TulleHome;
let controlPlane: TulleProcess;

before(async () => {
  home = await TulleHome.create();
  controlPlane = home.start([
    "control-plane",
    "--xds-address",
    "127.0.0.1:0",
    "--admin-address",
    "127.0.0.1:0",
  ]);
  await controlPlane.waitFor(/ready/);
});

after(async () => {
  controlPlane.signal("SIGTERM");
  await controlPlane.ended;
  await home.remove();
});

/** Everything but the control plane, and the test itself. */
async function onlyTheControlPlaneIsLeft(): Promise<void> {
  while (home.processes().some(({ command }) => !command.includes("control-plane"))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const SERVER = `
  const server = require("node:http").createServer((request, response) => response.end("hello from " + process.env.TULLE_INSTANCE));
  server.listen(process.env.PORT, process.env.HOST);
  process.on("SIGTERM", () => server.close(() => process.exit(3)));
`;
const CLIENT = `
  const { WEB_SERVICE_HOST: host, WEB_SERVICE_PORT: port } = process.env;
  fetch("http://" + host + ":" + port + "/").then(async (answer) => console.log(answer.status, await answer.text()));
`;

function startWeb(...more: readonly string[]): TulleProcess {
  const app = ["--", "node", "-e", SERVER];
  return home.start(["run", "--service", "web", "--port", "auto", ...more, ...app]);
}

test("returns the app's exit code, also of one that a signal killed or that is missing", async () => {
  const cases: readonly (readonly [readonly string[], number])[] = [
    [["sh", "-c", "exit 7"], 7],
    [["sh", "-c", "kill -KILL $$"], 137],
    [["no-such-program-anywhere"], 127],
  ];
  for (const [command, code] of cases) {
    const run = home.start(["run", "--service", "job", "--", ...command]);
    const ending = await run.ended;
    assert.equal(ending.code, code, ending.output);
  }
  await onlyTheControlPlaneIsLeft();
});

test("apps call each other by variables, and an end loses nothing", async () => {
  const web = startWeb("--name", "web-one", "--labels", "version=v1");
  await web.waitFor(/web-one serves web/);
  const client = await home.start(["run", "--service", "client", "--", "node", "-e", CLIENT]).ended;
  assert.match(client.output, /200 hello from web-one/);
  assert.equal(client.code, 0);
  web.signal("SIGTERM");
  const ending = await web.ended;
  assert.equal(ending.code, 3, ending.output);
  assert.match(ending.output, /lets its callers go/);
  await onlyTheControlPlaneIsLeft();
});

test("sidecars with workers call each other with the identity of the one that joined", async () => {
  const web = startWeb("--name", "web-two", "--workers", "2");
  await web.waitFor(/web-two serves web/);
  // Each connection of the client's sidecar may meet another worker.
  const script = CLIENT.replace("fetch(", "for (let i = 0; i < 20; i++) fetch(");
  const run = ["run", "--service", "client", "--workers", "2", "--", "node", "-e", script];
  const client = await home.start(run).ended;
  assert.equal(client.output.match(/200 hello from web-two/g)?.length, 20, client.output);
  assert.equal(client.code, 0);
  web.signal("SIGTERM");
  const ending = await web.ended;
  assert.equal(ending.code, 3, ending.output);
  await onlyTheControlPlaneIsLeft();
});

test("passes other signals on and lives on", async () => {
  const script =
    'process.on("SIGHUP", () => { console.log("hung up"); process.exit(4); }); setInterval(() => {}, 1000); console.log("listening");';
  const run = home.start(["run", "--service", "job", "--", "node", "-e", script]);
  await run.waitFor(/listening/);
  run.signal("SIGHUP");
  const ending = await run.ended;
  assert.match(ending.output, /hung up/);
  assert.equal(ending.code, 4);
});

test("starts a sidecar that dies again, on the same addresses, while the app runs on", async () => {
  const web = startWeb("--name", "web-two");
  await web.waitFor(/web-two serves web/);
  const sidecar = home.processes().find(({ command }) => command.includes("run/web-two/bootstrap"));
  assert.ok(sidecar !== undefined, "its sidecar is among the processes");
  process.kill(sidecar.pid, "SIGKILL");
  await web.waitFor(/the sidecar was killed by SIGKILL; it starts again/);
  for (;;) {
    const client = await home.start(["run", "--service", "client", "--", "node", "-e", CLIENT])
      .ended;
    if (client.output.includes("200 hello from web-two")) break;
  }
  web.signal("SIGTERM");
  assert.equal((await web.ended).code, 3);
  await onlyTheControlPlaneIsLeft();
});

test("nothing is left when it is killed in a way that it cannot notice", async () => {
  const web = startWeb("--name", "web-three");
  await web.waitFor(/web-three serves web/);
  web.signal("SIGKILL");
  await web.ended;
  await onlyTheControlPlaneIsLeft();
});

test("says what is wrong with its command line, with exit code 2", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--service", "web"], /which app\?/],
    [["--", "true"], /needs a service/],
    [["--service", "Web", "--", "true"], /--service "Web" is not a name/],
    [["--service", "web", "--port", "x", "--", "true"], /--port: "x" is not a port/],
    [["--service", "web", "--labels", "a", "--", "true"], /--labels: "a" is not KEY=VALUE/],
    [
      ["--service", "web", "--workers", "1.5", "--", "true"],
      /--workers "1\.5" is not a whole number from 1 to 64, or auto for one per core/,
    ],
  ];
  for (const [args, message] of cases) {
    const ending = await home.start(["run", ...args]).ended;
    assert.match(ending.output, message);
    assert.equal(ending.code, 2);
  }
});
