/**
 * A mesh whose certificates are signed by an intermediate of somebody else's authority, made by OpenSSL: under traffic
 * the pair is replaced by a bad one, by another under the same root, and by one under another root.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { CaResponse } from "../../src/control-plane/ca-types.ts";
import { Application, eventually } from "../support/application.ts";
import { summary } from "../support/load-client.ts";

const STEADY_RATE = 150;
const REQUESTS = [{ method: "GET" }, { method: "POST", body: "x" }] as const;

const folder = mkdtempSync(join(tmpdir(), "tulle-issuer-files-"));
const path = (name: string): string => join(folder, name);
let application: Application;

/** Keys of both kinds that authorities have. */
function authority(name: string, kind: "ec" | "rsa", issuer?: string): void {
  const key = kind === "rsa" ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  openssl([
    ...["req", "-x509", "-nodes", "-days", "30", "-newkey", ...key],
    ...[
      "-keyout",
      path(`${name}.key`),
      "-out",
      path(`${name}.crt`),
      "-subj",
      `/O=Foreign/CN=${name}`,
    ],
    ...["-addext", "basicConstraints=critical,CA:TRUE"],
    ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    ...(issuer === undefined
      ? []
      : ["-CA", path(`${issuer}.crt`), "-CAkey", path(`${issuer}.key`)]),
  ]);
}

function openssl(words: readonly string[]): void {
  execFileSync("openssl", words, { stdio: ["ignore", "ignore", "pipe"] });
}

/** As `mv` does: nobody sees half a file. */
function put(from: string, to: string): void {
  copyFileSync(path(from), path(`${to}.new`));
  renameSync(path(`${to}.new`), path(to));
}

function putPair(name: string): void {
  put(`${name}.crt`, "tls.crt");
  put(`${name}.key`, "tls.key");
}

function putRoots(...names: readonly string[]): void {
  const pem = names.map((name) => readFileSync(path(`${name}.crt`), "utf8")).join("");
  writeFileSync(path("roots.new"), pem);
  renameSync(path("roots.new"), path("roots.crt"));
}

before(async () => {
  authority("root-a", "rsa");
  authority("first", "rsa", "root-a");
  authority("second", "ec", "root-a");
  authority("root-b", "ec");
  authority("third", "ec", "root-b");
  putPair("first");
  putRoots("root-a");
  const issuer = "kind: file\ncertificateFile: tls.crt\nkeyFile: tls.key\nrootsFile: roots.crt\n";
  writeFileSync(path("issuer.yaml"), issuer);
  application = await Application.start({
    catalog: { v1: 2 },
    controlPlane: ["--issuer-file", path("issuer.yaml")],
  });
});

after(async () => {
  await application?.close();
  rmSync(folder, { recursive: true });
});

function caWhere(isSo: (ca: CaResponse) => boolean): Promise<CaResponse> {
  return eventually(async () => {
    const ca = await application.admin.ca();
    return isSo(ca) ? ca : undefined;
  }).then(({ value }) => value);
}

test("who signs stands in tulle ca status, and rotation is somebody else's", async () => {
  const status = await application.tulle(["ca", "status"]);
  assert.match(status.output, /signed by the issuer file at \S+tls\.crt, with a certificate that/);
  const rotate = await application.tulle(["ca", "rotate"]);
  assert.equal(rotate.code, 1, rotate.output);
  assert.match(rotate.output, /its root is not ours to rotate/);
});

test("the pair is replaced under load: a bad one is refused, good ones are taken over", async () => {
  const load = application.client.steady(STEADY_RATE, REQUESTS);
  put("second.crt", "tls.crt");
  await caWhere(({ issuer }) => issuer.lastError?.includes("the key does not belong") === true);
  const check = await application.tulle(["check"]);
  assert.match(check.output, /the issuer file at \S+: .*the key does not belong/);
  const whileBad = await application.runCatalog("while-bad");
  put("second.key", "tls.key");
  await caWhere(({ issuer }) => issuer.lastError === null);
  const afterwards = await application.runCatalog("afterwards");
  const ca = await application.admin.ca();
  assert.equal(new Set(ca.certificates.map(({ root }) => root)).size, 1, "both are under one root");
  const fresh = await application.client.burst(200, 8);
  const outcomes = await load.stop();
  console.log(`pair replaced: ${summary(outcomes)}`);
  assert.equal(load.failures.length, 0);
  assert.ok(fresh.every(({ failure }) => failure === undefined));
  for (const run of [whileBad, afterwards]) {
    run.signal("SIGTERM");
    await run.ended;
  }
});

test("a pair under another root follows when that root is trusted, and everybody renews", async () => {
  const load = application.client.steady(STEADY_RATE, REQUESTS);
  const before = await application.admin.ca();
  putRoots("root-a", "root-b");
  await caWhere(({ bundles }) => bundles.every(({ roots }) => roots?.length === 2));
  putPair("third");
  const ca = await caWhere(({ roots, certificates, controlPlane }) => {
    const [active] = roots;
    const isNew = active !== undefined && active.id !== before.roots[0]?.id;
    const held = [...certificates, ...(controlPlane === null ? [] : [controlPlane])];
    return isNew && held.every(({ root }) => root === active.id);
  });
  putRoots("root-b");
  await caWhere(({ bundles }) =>
    bundles
      .filter(({ connected }) => connected)
      .every(({ roots }) => roots?.join() === ca.roots[0]?.id),
  );
  const fresh = await application.client.burst(200, 8);
  const outcomes = await load.stop();
  console.log(`root replaced: ${summary(outcomes)}`);
  assert.equal(load.failures.length, 0);
  assert.ok(fresh.every(({ failure }) => failure === undefined));
});
