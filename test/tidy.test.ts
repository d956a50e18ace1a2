/**
 * The habits of this repository as tests: walls between folders, no cycles, no leftovers, documents
 * that tell the truth. Each check is first shown to find what it looks for.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { describe } from "node:test";
import {
  commandProblems,
  dependencyProblems,
  indexProblems,
  linkProblems,
  pathProblems,
  titleProblems,
} from "./tidy/document-rules.ts";
import {
  BINARY_RULES,
  type BinaryRule,
  binaryProblems,
  cycleProblems,
  layerProblems,
} from "./tidy/import-rules.ts";
import { importsOf, packageOf, repositoryFiles, type SourceFile } from "./tidy/source-file.ts";
import {
  headerProblems,
  leftoverProblems,
  lengthProblems,
  productProblems,
  sansIoProblems,
} from "./tidy/text-rules.ts";

const ROOT = join(import.meta.dirname, "..");
const all = repositoryFiles(ROOT, (path) => /\.(?:tsx?|css|mjs|cjs|js|py|md)$/.test(path));
const documents = all.filter(({ path }) => path.endsWith(".md"));
const sources = all.filter(({ path }) => !path.endsWith(".md"));
const code = sources.filter(({ path }) => /\.tsx?$/.test(path));
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const repository = {
  exists: (path: string) => existsSync(join(ROOT, path)),
  scripts: [...Object.keys(manifest.scripts), "test"],
  commands: commandNames(readFileSync(join(ROOT, "src/cli/command-table.ts"), "utf8")),
};

/** Files made up to break a rule. */
function made(files: Readonly<Record<string, string>>): SourceFile[] {
  return Object.entries(files).map(([path, text]) => ({ path, text }));
}

function commandNames(table: string): string[] {
  return [...table.matchAll(/\bname: "([a-z][a-z -]*)"/g)].map(([, name = ""]) => name);
}

function none(problems: readonly string[]): void {
  assert.equal(problems.length, 0, `\n${problems.join("\n")}\n`);
}

describe("imports", () => {
  test("every form of import is read, and prose is not", () => {
    const [file] = made({
      "src/a.ts": `// import "./comment.ts";
import { a } from "./a.ts";
import type { B } from "./b.ts";
import {
  c,
  type D,
} from "./c.ts";
import "./side-effect.ts";
export { e } from "./e.ts";
const text = "import './string.ts'";
await import("./later.ts");`,
    });
    assert.ok(file !== undefined);
    const read = importsOf(file).map(({ specifier, kind }) => `${kind} ${specifier}`);
    assert.deepEqual(read, [
      ...["static ./a.ts", "type ./b.ts", "static ./c.ts", "static ./side-effect.ts"],
      ...["static ./e.ts", "dynamic ./later.ts"],
    ]);
  });

  test("a folder imports only from folders above it", () => {
    const broken = made({
      "src/http1/x.ts": 'import "../net/y.ts";',
      "src/proxy/x.ts": 'import type { S } from "../store/store.ts";',
      "src/control-plane/x.ts": 'await import("../proxy/x.ts");',
      "src/cli/x.ts": 'import { f } from "../control-plane/f.ts";',
      "src/net/x.ts": 'import "../../test/support/y.ts";',
      "src/misc/x.ts": 'import "../core/y.ts";',
    });
    assert.equal(layerProblems(broken).length, 6);
    none(
      layerProblems(made({ "src/cli/x.ts": 'import type { A } from "../control-plane/a.ts";' })),
    );
    none(layerProblems(code));
  });

  test("a binary reaches only what it is allowed to", () => {
    const rule: BinaryRule = {
      entry: "src/bin/sidecar.ts",
      folders: ["store"],
      packages: ["zod"],
      packageOnlyIn: { yaml: "src/proxy/bootstrap" },
    };
    const broken = made({
      "src/bin/sidecar.ts": 'import "../proxy/a.ts";\nimport type { S } from "../store/store.ts";',
      "src/proxy/a.ts": 'import "zod";\nimport "yaml";\nawait import("../store/store.ts");',
      "src/proxy/bootstrap.ts": 'import "yaml";',
      "src/store/store.ts": "",
    });
    assert.deepEqual(binaryProblems(broken, rule), [
      "src/bin/sidecar.ts loads zod: src/bin/sidecar.ts → src/proxy/a.ts",
      "src/bin/sidecar.ts loads yaml: src/bin/sidecar.ts → src/proxy/a.ts",
      "src/bin/sidecar.ts reaches src/store/store.ts: src/bin/sidecar.ts → src/proxy/a.ts → src/store/store.ts",
    ]);
    assert.equal(binaryProblems([], rule).length, 1);
    for (const own of BINARY_RULES) none(binaryProblems(code, own));
  });

  test("no import leads back to its file, types included", () => {
    const broken = made({
      "src/a.ts": 'import { b } from "./b.ts";',
      "src/b.ts": 'import { c } from "./c.ts";',
      "src/c.ts": 'import type { A } from "./a.ts";',
    });
    assert.equal(cycleProblems(broken).length, 1);
    none(cycleProblems(code));
  });

  test("every dependency of the package is imported", () => {
    const imported = new Set(code.flatMap(importsOf).map(({ specifier }) => packageOf(specifier)));
    const unused = Object.keys(manifest.dependencies).filter((name) => !imported.has(name));
    assert.deepEqual(unused, []);
  });
});

describe("text", () => {
  test("pure folders do no input or output and read no clock", () => {
    const broken = made({
      "src/http1/x.ts": 'import { connect } from "node:net";\nconst t = Date.now();',
      "src/decision/x.ts": "setTimeout(() => {}, 1);",
      "src/translate/x.ts": "const r = Math.random() + performance.now();",
      "src/resource/x.ts": "const home = process.env['HOME'];",
    });
    assert.equal(sansIoProblems(broken).length, 6);
    none(sansIoProblems(made({ "src/http1/x.ts": "// Date.now() is not called here." })));
    none(sansIoProblems(code));
  });

  test("the product has one clock, one source of chance and one logger", () => {
    const broken = made({
      "src/proxy/x.ts": "Math.random();\nDate.now();\nconsole.log();",
      "src/core/prng.ts": "Math.random();",
    });
    assert.equal(productProblems(broken).length, 3);
    none(productProblems(code));
  });

  test("nothing is left over", () => {
    const broken = ["FIXM", "XX", "TOD"].map((word, index) => `// ${word}${"EXO"[index]} later`);
    broken.push("test.on" + "ly('x', () => {});", "let x: an" + "y;", "// @ts-ig" + "nore");
    assert.equal(leftoverProblems(made({ "src/x.ts": broken.join("\n") })).length, 6);
    none(leftoverProblems(made({ "src/x.ts": "// TODO(#12): later\nconst a = many;" })));
    none(leftoverProblems(sources));
  });

  test("a file opens with a comment and stays short", () => {
    assert.equal(headerProblems(made({ "src/x.ts": "export const a = 1;\n" })).length, 1);
    none(headerProblems(sources));
    const long = made({ "src/x.ts": "a\n".repeat(451) });
    assert.equal(lengthProblems(long, {}).length, 1);
    none(lengthProblems(long, { "src/x.ts": "a table" }));
    assert.equal(lengthProblems([], { "src/x.ts": "a table" }).length, 1);
    none(lengthProblems(code));
  });
});

describe("documents", () => {
  test("each has one title, which comes first", () => {
    const broken = made({
      "a.md": "text\n# A\n",
      "b.md": "# A\n# B\n",
      "c.md": "# A\n```\n# c\n```\n",
    });
    assert.equal(titleProblems(broken).length, 2);
    none(titleProblems(documents));
  });

  test("links lead somewhere", () => {
    const broken = made({
      "docs/a.md":
        "# A b\n[x](b.md) [y](../README.md) [z](#nowhere) [here](#a-b) [out](https://a.b)",
    });
    const found = linkProblems(broken, { exists: (path) => path !== "docs/b.md" });
    assert.equal(found.length, 2);
    none(linkProblems(documents, repository));
  });

  test("the index leads to every page", () => {
    const broken = made({
      "docs/README.md": "[a](guides/a.md)",
      "docs/guides/a.md": "",
      "docs/guides/b.md": "",
    });
    assert.equal(indexProblems(broken).length, 1);
    none(indexProblems(documents));
  });

  test("commands and paths that are named exist", () => {
    const text =
      "`npm run nothing` `tulle nothing -x`\n```\ntulle get\n./bin/tulle no\n```\n`src/no.ts`";
    const broken = made({ "a.md": text });
    const known = { scripts: ["test"], commands: ["get", "proxy config"] };
    assert.equal(commandProblems(broken, known).length, 3);
    assert.equal(pathProblems(broken, { exists: () => false }).length, 1);
    none(commandProblems(documents, repository));
    none(pathProblems(documents, repository));
  });

  test("each dependency has its reason written down", () => {
    const [page] = made({ "docs/d.md": "| `a` | why |\n| `b` |  |\n| `c` | gone |\n" });
    assert.ok(page !== undefined);
    const found = dependencyProblems(
      { dependencies: { a: "1" }, devDependencies: { b: "1" } },
      page,
    );
    assert.equal(found.length, 2);
    const own = documents.find(({ path }) => path === "docs/dependencies.md");
    assert.ok(own !== undefined, "docs/dependencies.md is missing");
    none(dependencyProblems(manifest, own));
  });

  test("the lock file records no download addresses", () => {
    const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
    assert.doesNotMatch(lock, /"resolved": "http/);
  });
});
