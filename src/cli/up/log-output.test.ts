import assert from "node:assert/strict";
import { test } from "node:test";
import type { TextWriter } from "../context.ts";
import { createStyle } from "../output/style.ts";
import { LogOutput } from "./log-output.ts";

function writer(hasColor: boolean): TextWriter & { readonly text: () => string } {
  let text = "";
  return {
    write: (more) => {
      text += more;
    },
    isTTY: hasColor,
    columns: undefined,
    style: createStyle(hasColor),
    text: () => text,
  };
}

test("pads names to one width, and adds no colours where none are wanted", () => {
  const out = writer(false);
  const log = new LogOutput(out, ["web", "catalog-v1"]);
  log.line("web", "one");
  log.line("catalog-v1", "\u001b[31mtwo\u001b[0m\u0007");
  assert.equal(out.text(), "web        | one\ncatalog-v1 | two\n");
});

test("colours each name, and ends what colours the app began", () => {
  const out = writer(true);
  const log = new LogOutput(out, ["a", "b"]);
  log.line("a", "one");
  log.line("b", "\u001b[31mtwo\u001b[2J");
  assert.equal(
    out.text(),
    "\u001b[36ma |\u001b[0m one\n\u001b[33mb |\u001b[0m \u001b[31mtwo[2J\u001b[0m\n",
  );
});

test("cuts long names", () => {
  const out = writer(false);
  const log = new LogOutput(out, ["x".repeat(40), "y"]);
  log.line("x".repeat(40), "one");
  log.line("y", "two");
  assert.equal(out.text(), `${"x".repeat(23)}… | one\ny${" ".repeat(23)} | two\n`);
});
