import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { explain } from "../bin/explain.ts";
import { commandTable } from "./command-table.ts";
import { GLOBAL_OPTIONS } from "./global-options.ts";
import { commandHelp, programHelp } from "./help.ts";
import { createStyle } from "./output/style.ts";
import { textWidth } from "./output/text-width.ts";
import { referencePage } from "./reference-page.ts";
import { routeWords } from "./run-cli.ts";

const COMMANDS = commandTable({ controlPlane: async () => 0, sidecar: async () => 0, explain });
const PLAIN = { style: createStyle(false), columns: 80 };

test("the table says of each command what the command says of itself", async () => {
  for (const entry of COMMANDS) {
    const command = await entry.load();
    assert.equal(command.name, entry.name);
    assert.equal(command.summary, entry.summary, entry.name);
  }
});

test("every command has an example that names a command and flags that exist", async () => {
  for (const entry of COMMANDS) {
    const command = await entry.load();
    assert.ok(command.examples.length > 0, entry.name);
    const options = [...(command.options ?? []), ...GLOBAL_OPTIONS];
    for (const { line } of command.examples) {
      const start = line.indexOf(`tulle ${entry.name}`);
      assert.ok(start >= 0, `${entry.name}: ${line}`);
      const own = line.slice(start).split(/ -- | \| | > |\)/)[0] ?? "";
      for (const [, name] of own.matchAll(/ --([a-z-]+)/g)) {
        assert.ok(
          options.some((option) => option.name === name),
          `--${name}: ${line}`,
        );
      }
    }
  }
});

test("no command redefines a global flag, and no two of its flags share a name", async () => {
  for (const entry of COMMANDS) {
    const command = await entry.load();
    const options = [...(command.options ?? []), ...GLOBAL_OPTIONS];
    const names = options.flatMap(({ name, short }) => [
      name,
      ...(short === undefined ? [] : [short]),
    ]);
    assert.equal(new Set(names).size, names.length, `${entry.name}: ${names.join(" ")}`);
  }
});

test("help fits 80 columns, but for what cannot be broken", async () => {
  const pages = [programHelp(COMMANDS, PLAIN)];
  for (const entry of COMMANDS) pages.push(commandHelp(await entry.load(), PLAIN));
  for (const line of pages.join("\n").split("\n")) {
    const isWhole =
      /^ {2}(tulle|#|source|cat|[a-z]+ .*tulle) ?/.test(line) || line.startsWith("Tulle is");
    assert.ok(isWhole || textWidth(line) <= 80, line);
  }
});

test("the command is found behind global flags, by one word or two", () => {
  const route = routeWords(["-n", "shop", "--color=never", "proxy", "config", "x", "-q"], COMMANDS);
  assert.equal(route.kind, "command");
  assert.equal(route.kind === "command" && route.entry.name, "proxy config");
  assert.deepEqual(route.kind === "command" && route.words, [
    "-n",
    "shop",
    "--color=never",
    "x",
    "-q",
  ]);
  assert.deepEqual(routeWords(["help", "get"], COMMANDS), routeWords(["get", "--help"], COMMANDS));
  assert.equal(routeWords([], COMMANDS).kind, "program-help");
  assert.throws(
    () => routeWords(["gte"], COMMANDS),
    /unknown command "gte" \(did you mean "get"\?\)/,
  );
  assert.throws(() => routeWords(["proxy"], COMMANDS), /needs a subcommand/);
  assert.throws(() => routeWords(["--frob"], COMMANDS), /unknown flag --frob before a command/);
});

test("docs/reference/cli.md is up to date", async () => {
  const page = readFileSync(new URL("../../docs/reference/cli.md", import.meta.url), "utf8");
  assert.equal(page, await referencePage(COMMANDS), "run node scripts/generate-cli-reference.ts");
});
