/** Options of `tulle control-plane` that others depend on: where sidecars are told to find it, and secrets that stay secret. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { TulleHome } from "./tulle-process.ts";

const PASSWORD = "s3cret";
const EVERYWHERE = ["--xds-address", "0.0.0.0:0", "--admin-address", "127.0.0.1:0"];

async function homeOf(context: TestContext): Promise<TulleHome> {
  const home = await TulleHome.create();
  context.after(() => home.remove());
  return home;
}

async function xdsAddress(home: TulleHome, words: readonly string[]): Promise<string> {
  const controlPlane = home.start(["control-plane", ...EVERYWHERE, ...words]);
  const [, admin = ""] = await controlPlane.waitFor(/admin {2}(\S+)/);
  const version = (await (await fetch(`${admin}/api/v1/version`)).json()) as {
    readonly xdsAddress: string;
  };
  return version.xdsAddress;
}

test("sidecars are never told to connect to every address", async (context) => {
  const home = await homeOf(context);
  const [host = ""] = (await xdsAddress(home, [])).split(":");
  assert.match(host, /^[1-9]/);
});

test("sidecars are told what --xds-advertise-address says", async (context) => {
  const home = await homeOf(context);
  const address = await xdsAddress(home, ["--xds-advertise-address", "mesh.example"]);
  assert.match(address, /^mesh\.example:\d+$/);
  const wrong = home.start(["control-plane", "--xds-advertise-address", "http://mesh"]);
  const { code, output } = await wrong.ended;
  assert.equal(code, 2);
  assert.match(output, /--xds-advertise-address: "http:\/\/mesh" is no address: write HOST/);
});

test("the password of Redis is taken from a file, not from the options, and never told", async (context) => {
  const home = await homeOf(context);
  const url = `redis://mesh:${PASSWORD}@127.0.0.1:1`;
  const refused = await home.start(["control-plane", "--rate-limit-redis", url]).ended;
  assert.equal(refused.code, 2);
  assert.match(refused.output, /put the URL into a file and name it with --rate-limit-redis-file/);
  assert.ok(!refused.output.includes(PASSWORD));
  const file = join(home.path, "redis-url");
  await writeFile(file, `${url}\n`, { mode: 0o600 });
  // Nothing listens there, which is told without the password.
  const words = ["control-plane", ...EVERYWHERE, "--rate-limit-redis-file", file];
  const controlPlane = home.start(words);
  await controlPlane.waitFor(/Redis/);
  await controlPlane.waitFor(/is ready/);
  for (const { command } of home.processes()) assert.ok(!command.includes(PASSWORD));
  controlPlane.child.kill("SIGTERM");
  assert.ok(!(await controlPlane.ended).output.includes(PASSWORD));
});
