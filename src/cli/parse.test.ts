import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import { parseDurationMs, parseInput, parseInteger, usageLine } from "./parse.ts";

const COMMAND: Command = {
  name: "paint",
  summary: "Paint",
  description: "Paints.",
  examples: [],
  arguments: [
    { name: "WALL", summary: "Which", isRequired: true },
    { name: "MORE", summary: "Others", isVariadic: true },
  ],
  options: [
    { name: "filename", short: "f", value: "PATH", isMultiple: true, summary: "File" },
    { name: "all", short: "A", summary: "All" },
    { name: "coats", value: "N", default: "2", summary: "Coats" },
    { name: "gloss", value: "HOW", choices: ["matt", "silk"], summary: "Gloss" },
  ],
  formats: ["table", "json"],
  run: async () => 0,
};

const WITH_PASSTHROUGH: Command = {
  ...COMMAND,
  arguments: [],
  passthrough: { name: "COMMAND...", summary: "What to run" },
};

function refusal(words: readonly string[], command = COMMAND): string {
  try {
    parseInput(command, words);
  } catch (error) {
    assert.ok(error instanceof CliError);
    assert.equal(error.code, "CLI_USAGE");
    return `${error.message} | ${error.detail.hint ?? ""}`;
  }
  return assert.fail(`accepted: ${words.join(" ")}`);
}

test("options and arguments mix, in every form of POSIX and GNU", () => {
  const input = parseInput(COMMAND, [
    "-f",
    "-",
    "north",
    "--filename=a=b",
    "-Afc",
    "south",
    "--gloss",
    "silk",
    "-n",
    "shop",
    "east",
  ]);
  assert.equal(input.argument("WALL"), "north");
  assert.deepEqual(input.variadic("MORE"), ["south", "east"]);
  assert.deepEqual(input.strings("filename"), ["-", "a=b", "c"]);
  assert.equal(input.isSet("all"), true);
  assert.equal(input.string("gloss"), "silk");
  assert.equal(input.string("namespace"), "shop");
  assert.equal(input.integer("coats", { min: 1, max: 9 }), 2);
});

test("words after -- are left alone", () => {
  const input = parseInput(WITH_PASSTHROUGH, ["-A", "--", "node", "--all", "-x", "--"]);
  assert.deepEqual(input.passthrough, ["node", "--all", "-x", "--"]);
  assert.deepEqual(parseInput(COMMAND, ["--", "-odd-name"]).argument("WALL"), "-odd-name");
});

test("a wrong word is named, with the nearest right one or the way to write it", () => {
  assert.match(refusal(["a", "--al"]), /unknown flag --al \(did you mean "--all"\?\)/);
  assert.match(refusal(["a", "-x"]), /unknown flag -x \|.*--help/);
  assert.match(
    refusal([]),
    /missing WALL: Which \| usage: tulle paint WALL \[MORE\.\.\.\] \[flags\]/,
  );
  assert.match(refusal(["a", "-f"]), /--filename needs a value \| write --filename PATH/);
  assert.match(refusal(["a", "-f", "--all"]), /--filename needs a value/);
  assert.match(refusal(["a", "--filename="]), /--filename needs a value/);
  assert.match(refusal(["a", "--all=yes"]), /--all takes no value/);
  assert.match(
    refusal(["a", "--gloss", "slik"]),
    /"slik" is not allowed \(did you mean "silk"\?\) \| use one of matt, silk/,
  );
  assert.match(
    refusal(["x"], WITH_PASSTHROUGH),
    /unexpected argument "x" \| usage: tulle paint \[flags\] -- COMMAND\.\.\./,
  );
  const { formats: _, ...withoutFormats } = COMMAND;
  assert.match(refusal(["a", "-o", "json"], withoutFormats), /has no --output/);
});

test("--help needs none of the required arguments", () => {
  assert.equal(parseInput(COMMAND, ["--help"]).isSet("help"), true);
});

test("numbers and durations are checked against their bounds", () => {
  assert.equal(parseInteger("--n", "-3", { min: -5, max: 5 }), -3);
  for (const bad of ["", "1.5", "1e3", "0x10", "6", " 1", "9007199254740993"]) {
    assert.throws(() => parseInteger("--n", bad, { min: 0, max: 5 }), /--n: .* from 0 to 5/, bad);
  }
  const durations: readonly (readonly [string, number])[] = [
    ["500ms", 500],
    ["30", 30_000],
    ["1m30s", 90_000],
    ["0.5s", 500],
    ["24h", 86_400_000],
  ];
  for (const [text, ms] of durations) assert.equal(parseDurationMs("--t", text), ms, text);
  for (const bad of ["", "s", "3x", "-1s", "1s ", "25h", "1 s"]) {
    assert.throws(() => parseDurationMs("--t", bad), /--t: .*is not a duration/, bad);
  }
});

test("the usage line shows what is required", () => {
  assert.equal(usageLine(COMMAND), "paint WALL [MORE...] [flags]");
});
