/**
 * The package as users get it: packed, installed globally into an empty prefix without development
 * dependencies, and run from an empty folder by a machine that has an older Node. Needs npm's registry or cache.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before, describe } from "node:test";

const ROOT = join(import.meta.dirname, "..");
const INSTALL_DEADLINE_MS = 240_000;

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const work = mkdtempSync(join(tmpdir(), "tulle-packed-"));
const prefix = join(work, "prefix");
const emptyFolder = join(work, "empty");
const environment = {
  HOME: join(work, "home"),
  TULLE_HOME: join(work, "home", ".tulle"),
  // npm puts the clone's own programs first in the path; a user's shell does not have them.
  PATH: (process.env["PATH"] ?? "")
    .split(":")
    .filter((folder) => !folder.includes("node_modules"))
    .join(":"),
};

function run(command: string, args: readonly string[], options: object): Promise<Result> {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: 2 ** 24, ...options }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

function tulle(...args: readonly string[]): Promise<Result> {
  return run(join(prefix, "bin", "tulle"), args, { cwd: emptyFolder, env: environment });
}

/** The commands that `tulle --help` lists: two spaces, the name, two spaces or more, the summary. */
function commandsOf(help: string): string[] {
  return [...help.matchAll(/^ {2}([a-z][a-z -]*?) {2,}\S/gm)].map(([, name = ""]) => name);
}

/** Name and version of each package of a `node_modules`. */
function installedPackages(folder: string): (readonly [string, string])[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => /^(?:@[^/]+\/)?[^@/.][^/]*\/package\.json$/.test(path))
    .map((path) => {
      const { name, version } = JSON.parse(readFileSync(join(folder, path), "utf8"));
      return [name, version];
    });
}

describe("the packed package", () => {
  let packed: { readonly filename: string; readonly files: readonly { readonly path: string }[] };

  before(
    async () => {
      mkdirSync(emptyFolder);
      const pack = await run("npm", ["pack", "--json", "--pack-destination", work], { cwd: ROOT });
      assert.equal(pack.code, 0, pack.stderr);
      // The build's own lines may stand before the JSON.
      packed = JSON.parse(pack.stdout.slice(pack.stdout.indexOf("[")))[0];
      const archive = join(work, packed.filename);
      // No package needs to run anything while it is installed.
      const flags = [
        ...["--ignore-scripts", "--prefer-offline"],
        ...["--no-audit", "--no-fund", "--loglevel=error"],
      ];
      const install = await run("npm", ["install", "-g", "--prefix", prefix, ...flags, archive], {
        cwd: emptyFolder,
      });
      assert.equal(install.code, 0, install.stderr);
    },
    { timeout: INSTALL_DEADLINE_MS },
  );

  after(() => rmSync(work, { recursive: true, force: true }));

  test("holds the compiled program, the demo and the documents, no sources and no tests", () => {
    const paths = packed.files.map(({ path }) => path);
    const unwanted = paths.filter((path) =>
      /\.test\.|\.ts$|^(?:src|test|bench|scripts)\//.test(path),
    );
    assert.deepEqual(unwanted, []);
    for (const wanted of [
      "LICENSE",
      "README.md",
      "bin/tulle",
      "dist/bin/tulle.js",
      "dist/dashboard/index.html",
      "dist/sbom.cdx.json",
      "demo/mesh.yaml",
    ]) {
      assert.ok(paths.includes(wanted), `${wanted} is missing`);
    }
  });

  test("installs no development dependency", () => {
    const modules = join(prefix, "lib", "node_modules", "tulle", "node_modules");
    const names = readdirSync(modules);
    assert.ok(!names.includes("typescript"));
    assert.ok(!names.includes("@biomejs"));
  });

  test("installs what its bill of materials lists, but for what is for other machines", () => {
    const root = join(prefix, "lib", "node_modules", "tulle");
    const bill = JSON.parse(readFileSync(join(root, "dist", "sbom.cdx.json"), "utf8"));
    const listed = new Map<string, string>();
    for (const { group, name, version, scope } of bill.components) {
      listed.set(group === undefined ? name : `${group}/${name}`, `${version} ${scope}`);
    }
    const installed = new Map(installedPackages(join(root, "node_modules")));
    for (const [name, version] of installed) {
      assert.equal(listed.get(name)?.split(" ")[0], version, name);
    }
    const absent = [...listed].filter(([name]) => !installed.has(name));
    assert.deepEqual(
      absent.filter(([, told]) => told.endsWith(" required")),
      [],
    );
  });

  test("tells its version, on the runtime that it pins", async () => {
    const { stdout, code } = await tulle("version");
    assert.equal(code, 0);
    assert.match(stdout, /0\.1\.0/);
    assert.match(stdout, /node v26\./);
  });

  test("every command loads and shows its help", async () => {
    const help = await tulle("--help");
    assert.equal(help.code, 0, help.stderr);
    const commands = commandsOf(help.stdout);
    assert.ok(commands.includes("demo") && commands.includes("proxy config"), help.stdout);
    for (const command of commands) {
      const { code, stdout, stderr } = await tulle(...command.split(" "), "--help");
      assert.equal(code, 0, `${command}: ${stderr}`);
      assert.match(stdout, new RegExp(`tulle ${command}`), command);
    }
  });

  test("runs the demo, all of its requests answered on mutual TLS", async () => {
    const { code, stdout, stderr } = await tulle("demo", "--seconds", "2");
    assert.equal(code, 0, stderr.slice(-2_000));
    assert.match(stdout, /failed +0\n/);
    assert.match(stdout, /on mutual TLS +100 %/);
  });

  test("its propagator is there for Node apps", async () => {
    const app = "console.log(globalThis[Symbol.for('tulle.propagate')])";
    const cwd = join(prefix, "lib");
    const result = await run("node", ["--import", "tulle/propagate", "--eval", app], { cwd });
    assert.deepEqual(result, { code: 0, stdout: "true\n", stderr: "" });
  });

  test("leaves nothing in the folder that it runs in", () => {
    assert.deepEqual(readdirSync(emptyFolder), []);
  });
});
