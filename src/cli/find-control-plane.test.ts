import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { CliError, type CliErrorCode } from "./errors.ts";
import { findAdminAddress, isProcessAlive, parseAdminAddress } from "./find-control-plane.ts";

const LIVE = new Set([101, 102]);

describe("finding the control plane", () => {
  let home = "";

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "tulle-find-"));
  });

  afterEach(async () => {
    await rm(home, { recursive: true });
  });

  async function record(name: string, pid: number): Promise<void> {
    const folder = join(home, name);
    await mkdir(folder, { recursive: true });
    const file = {
      name,
      pid,
      adminUrl: "http://127.0.0.1:7700",
      adminSocket: join(folder, "admin.sock"),
      xdsAddress: "127.0.0.1:15012",
      trustDomain: "tulle.local",
      version: "0.1.0",
    };
    await writeFile(join(folder, "control-plane.json"), JSON.stringify(file));
  }

  const find = (given: { readonly controlPlane?: string; readonly mesh?: string } = {}) =>
    findAdminAddress({
      controlPlane: given.controlPlane,
      mesh: given.mesh,
      env: { TULLE_HOME: home },
      isAlive: (pid) => LIVE.has(pid),
    });

  async function refusal(given: { readonly mesh?: string } = {}): Promise<[CliErrorCode, string]> {
    const error = await find(given).then(
      () => assert.fail("found one"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof CliError);
    return [error.code, `${error.message} | ${error.detail.hint ?? ""}`];
  }

  test("the only one that runs is taken, by its socket", async () => {
    await record("default", 101);
    await record("old", 999);
    assert.deepEqual(await find(), { kind: "unix", path: join(home, "default", "admin.sock") });
  });

  test("an address that is given is taken without looking", async () => {
    assert.deepEqual(await find({ controlPlane: "http://127.0.0.1:9/" }), {
      kind: "tcp",
      url: "http://127.0.0.1:9",
    });
  });

  test("of several, --mesh picks; without it the choice is asked for", async () => {
    await record("shop", 101);
    await record("bank", 102);
    assert.deepEqual(await find({ mesh: "bank" }), {
      kind: "unix",
      path: join(home, "bank", "admin.sock"),
    });
    assert.deepEqual(await refusal(), [
      "CLI_USAGE",
      "several control planes run here: bank, shop | choose one with --mesh NAME",
    ]);
    const [code, text] = await refusal({ mesh: "shp" });
    assert.equal(code, "CLI_CANNOT_CONNECT");
    assert.match(text, /did you mean "shop"\? running here: bank, shop/);
  });

  test("when none runs the error says what to do", async () => {
    const [code, text] = await refusal();
    assert.equal(code, "CLI_CANNOT_CONNECT");
    assert.match(text, /no control plane runs here \| start one with `tulle control-plane`/);
    await record("default", 999);
    assert.match((await refusal())[1], /\(stopped: default\)/);
    assert.match((await refusal({ mesh: "default" }))[1], /is not running \| start it/);
  });

  test("a record that is broken or half-written counts as none", async () => {
    await mkdir(join(home, "default"));
    for (const text of ["", "{", '{"name":"default"}', "[]", "null"]) {
      await writeFile(join(home, "default", "control-plane.json"), text);
      assert.equal((await refusal())[0], "CLI_CANNOT_CONNECT", text);
    }
  });
});

test("addresses are URLs or absolute socket paths, nothing else", () => {
  assert.deepEqual(parseAdminAddress("unix:/run/a.sock"), { kind: "unix", path: "/run/a.sock" });
  assert.deepEqual(parseAdminAddress("unix:///run/a.sock"), { kind: "unix", path: "/run/a.sock" });
  assert.deepEqual(parseAdminAddress("http://[::1]:7700"), {
    kind: "tcp",
    url: "http://[::1]:7700",
  });
  for (const bad of ["127.0.0.1:7700", "ftp://a", "unix:a.sock", "http://a/b", "http://a?x", ""]) {
    assert.throws(() => parseAdminAddress(bad), CliError, bad);
  }
});

test("this process is alive; a process id that cannot exist is not", () => {
  assert.equal(isProcessAlive(process.pid), true);
  assert.equal(isProcessAlive(2 ** 30), false);
});
