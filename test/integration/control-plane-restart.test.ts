/** The control plane as a process that is killed again and again under its sidecars. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type {
  ApplyResponse,
  ControlPlaneFile,
  InstancesResponse,
  ResourceListResponse,
  RevisionResponse,
  ServiceView,
  VersionResponse,
} from "../../src/control-plane/api-types.ts";
import { hasCode } from "../../src/core/errors.ts";
import { CLUSTER_TYPE_URL } from "../../src/xds/type-urls.ts";
import {
  callApi,
  StandInSidecar,
  serviceYaml,
  startControlPlane,
  temporaryFolder,
} from "../support/control-plane-fixture.ts";

const KILLS = 3;
const PROGRAM = import.meta.resolve("../../src/bin/control-plane.ts");

const folder = temporaryFolder();
/** A loopback address of this process's own, so that no other test takes its ports while it is down. */
const HOST = `127.${200 + (process.pid % 50)}.${(process.pid >> 8) % 250}.1`;
const processes: ChildProcess[] = [];
const sidecars: StandInSidecar[] = [];

after(async () => {
  for (const sidecar of sidecars) await sidecar.stop();
  for (const child of processes) child.kill("SIGKILL");
  folder.remove();
});

/** Resolves when it says that it is ready. */
async function startProcess(): Promise<ChildProcess> {
  const flags = {
    mesh: "killed",
    stateDirectory: folder.path,
    adminAddress: `${HOST}:7700`,
    xdsAddress: `${HOST}:15012`,
    logLevel: "off",
    logFormat: "text",
  };
  const script = `import { runControlPlane } from ${JSON.stringify(PROGRAM)};
    process.exitCode = await runControlPlane(${JSON.stringify(flags)});`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  processes.push(child);
  let output = "";
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    output += chunk.toString();
    if (output.includes("xds ")) return child;
  }
  throw new Error(`the control plane ended: ${output}`);
}

function readFile(): ControlPlaneFile {
  return JSON.parse(readFileSync(join(folder.path, "control-plane.json"), "utf8"));
}

async function get<T>(path: string): Promise<T> {
  const { status, body } = await callApi<T>(readFile(), "GET", path);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

async function apply(text: string): Promise<ApplyResponse> {
  const body = { files: [{ name: "test.yaml", text }] };
  return (await callApi<ApplyResponse>(readFile(), "POST", "/api/v1/apply", { body })).body;
}

test("killed in a loop it loses nothing, deregisters nobody, and revisions go on", {
  timeout: 120_000,
}, async () => {
  let child = await startProcess();
  await apply(serviceYaml("catalog") + serviceYaml("cart"));
  const file = readFile();
  for (const [index, id] of ["catalog-a", "catalog-b", "cart-a"].entries()) {
    const service = id.startsWith("catalog") ? "catalog" : "cart";
    sidecars.push(new StandInSidecar({ file, id, service, block: 20 + index }));
  }
  await Promise.all(sidecars.map((sidecar) => sidecar.start()));
  const cart = sidecars[2] as StandInSidecar;
  await cart.until(() => cart.endpoints("catalog").length === 2);
  let fewest = 2;
  cart.onUpdate = () => {
    fewest = Math.min(fewest, cart.endpoints("catalog").length);
  };
  const { serviceIndex } = await get<ServiceView>("/api/v1/services/default/catalog");

  const durable = ["cart", "catalog"];
  let revision = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const name = `s${kill}`;
    const answer = await apply(serviceYaml(name));
    assert.ok(answer.revision > revision, `${answer.revision} after ${revision}`);
    revision = answer.revision;
    durable.push(name);
    // One more is in flight when it dies: it may be lost, but never by halves.
    const inFlight = apply(serviceYaml(`maybe${kill}`)).catch(() => undefined);
    child.kill("SIGKILL");
    await once(child, "exit");
    await inFlight;
    child = await startProcess();
    const version = await get<VersionResponse>("/api/v1/version");
    assert.ok(version.revision >= revision, "no revision is lost");
    const { instances } = await get<InstancesResponse>("/api/v1/instances");
    assert.deepEqual(
      instances.map(({ name: instance, serving }) => [instance, serving]),
      [
        ["cart-a", true],
        ["catalog-a", true],
        ["catalog-b", true],
      ],
    );
  }

  const { revision: last } = await apply(serviceYaml("last"));
  await cart.until(() => cart.names(CLUSTER_TYPE_URL).some((one) => one.includes("||last.")));
  let status: RevisionResponse;
  do {
    status = await get<RevisionResponse>(`/api/v1/revisions/${last}?waitSeconds=20`);
  } while (status.acknowledged.length < sidecars.length);
  assert.equal(status.done, true, JSON.stringify(status));
  assert.equal(fewest, 2, "no endpoint left traffic while the control plane was away");
  const { items } = await get<ResourceListResponse>("/api/v1/resources/services");
  const names = items.map(({ metadata }) => metadata.name);
  for (const name of [...durable, "last"]) assert.ok(names.includes(name), `${name} is there`);
  const view = await get<ServiceView>("/api/v1/services/default/catalog");
  assert.equal(view.serviceIndex, serviceIndex, "addresses are stable");

  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
});

test("a second control plane on the same state names the first one's pid", {
  timeout: 60_000,
}, async () => {
  const child = await startProcess();
  const second = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { runControlPlane } from ${JSON.stringify(PROGRAM)};
       process.exitCode = await runControlPlane({ stateDirectory: ${JSON.stringify(folder.path)}, logLevel: "off", logFormat: "text" });`,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  processes.push(second);
  let errors = "";
  second.stderr?.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code] = await once(second, "close");
  assert.equal(code, 1);
  assert.match(errors, new RegExp(`pid ${child.pid}`));
  child.kill("SIGTERM");
  await once(child, "exit");
});

test("a sealed authority opens with its passphrase only, and keeps its trust domain", {
  timeout: 60_000,
}, async () => {
  const other = temporaryFolder();
  const first = await startControlPlane(other.path, {
    trustDomain: "shop.example",
    passphrase: "a",
  });
  await first.stop(100);
  await assert.rejects(startControlPlane(other.path, { passphrase: "b" }), (error) =>
    hasCode(error, "ca-key-sealed"),
  );
  // What failed to start left nothing behind.
  const second = await startControlPlane(other.path, { passphrase: "a" });
  assert.equal(second.file.trustDomain, "shop.example");
  await second.stop(100);
  other.remove();
});
