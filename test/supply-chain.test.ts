/** What comes with the package: all of it is listed, nothing of it runs while it is installed, nothing is known to be broken. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  billOfMaterials,
  type LockedPackages,
  runtimePackages,
} from "../scripts/bill-of-materials.ts";

const ROOT = join(import.meta.dirname, "..");
const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
const packages: LockedPackages = lock.packages;

/** Packages with an install script that nothing needs. */
const IDLE_INSTALL_SCRIPTS = [
  // Prints a warning about the version scheme of packages that depend on it.
  "node_modules/protobufjs",
];

/** Advisories that do not concern how a package is used here, by their id, with the reason. */
const EXPLAINED_ADVISORIES: Readonly<Record<string, string>> = {};

interface Bill {
  readonly components: readonly {
    readonly "bom-ref": string;
    readonly purl: string;
    readonly hashes: readonly { readonly alg: string; readonly content: string }[];
    readonly licenses?: readonly object[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

describe("bill of materials", () => {
  const bill = billOfMaterials(packages) as Bill;

  test("lists every package that is installed, with its hash and its licence", () => {
    assert.equal(bill.components.length, runtimePackages(packages).length);
    for (const name of Object.keys(packages[""]!.dependencies ?? {})) {
      const purl = `pkg:npm/${name.replace("@", "%40")}@`;
      assert.ok(
        bill.components.some((component) => component.purl.startsWith(purl)),
        `${name} is missing`,
      );
    }
    for (const { purl, hashes, licenses } of bill.components) {
      assert.match(hashes[0]?.content ?? "", /^[0-9a-f]{128}$/, purl);
      assert.ok(licenses !== undefined, `${purl} has no licence`);
    }
  });

  test("every reference is one of the list, and each but the root is somebody's", () => {
    const known = new Set(bill.dependencies.map(({ ref }) => ref));
    const used = new Set(bill.dependencies.flatMap(({ dependsOn }) => dependsOn));
    assert.deepEqual(
      [...used].filter((ref) => !known.has(ref)),
      [],
    );
    assert.deepEqual(
      bill.components.map((component) => component["bom-ref"]).filter((ref) => !used.has(ref)),
      [],
    );
  });

  test("a package without a hash is refused", () => {
    assert.throws(
      () => billOfMaterials({ ...packages, "node_modules/x": { version: "1.0.0" } }),
      /node_modules\/x has no hash/,
    );
  });
});

test("no package needs to run anything while it is installed", () => {
  const withScript = runtimePackages(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([place]) => place);
  assert.deepEqual(withScript, IDLE_INSTALL_SCRIPTS);
});

test("no package that is installed has an advisory that is not explained", async (t) => {
  const answer = await audit();
  if (answer.vulnerabilities === undefined) {
    const why = JSON.stringify(answer.message ?? answer.error ?? "no answer");
    t.skip(`NOT CHECKED: the registry does not answer npm audit: ${why}`);
    return;
  }
  const open = Object.values(answer.vulnerabilities)
    .flatMap(({ via }) => via)
    .filter((via) => typeof via === "object")
    .filter(({ url }) => EXPLAINED_ADVISORIES[url] === undefined)
    .map(({ name, title, url }) => `${name}: ${title} (${url})`);
  assert.deepEqual(open, []);
});

interface Advisory {
  readonly name: string;
  readonly title: string;
  readonly url: string;
}

interface AuditAnswer {
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly via: readonly (string | Advisory)[] }>
  >;
  readonly error?: unknown;
  readonly message?: unknown;
}

function audit(): Promise<AuditAnswer> {
  return new Promise((resolve) => {
    execFile("npm", ["audit", "--json", "--omit=dev"], { cwd: ROOT }, (_error, stdout) => {
      try {
        resolve(JSON.parse(stdout) as AuditAnswer);
      } catch {
        resolve({ message: stdout.slice(0, 200) });
      }
    });
  });
}
