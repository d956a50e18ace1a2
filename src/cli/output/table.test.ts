import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { createStyle } from "./style.ts";
import { renderTable, type TableOptions } from "./table.ts";
import { textWidth } from "./text-width.ts";

const PLAIN = createStyle(false);

const TABLE: TableOptions = {
  columns: [
    { title: "NAME", isKept: true },
    { title: "BACKENDS" },
    { title: "HOST", isWide: true },
    { title: "AGE", align: "right" },
  ],
  rows: [
    ["catalog", "catalog-v1 90%, catalog-v2 10%", "catalog.default.svc", "5d"],
    ["a", "-", "a.default.svc", "12s"],
  ],
  style: PLAIN,
  width: undefined,
};

test("columns are aligned, trailing blanks are left out, wide columns wait for -o wide", () => {
  assert.equal(
    renderTable(TABLE),
    [
      "NAME     BACKENDS                        AGE\n",
      "catalog  catalog-v1 90%, catalog-v2 10%   5d\n",
      "a        -                               12s\n",
    ].join(""),
  );
  assert.match(renderTable({ ...TABLE, isWide: true }), /HOST +AGE\n.*catalog\.default\.svc/);
});

test("on a terminal the widest column is cut so that every line fits; names stay whole", () => {
  const text = renderTable({ ...TABLE, width: 30 });
  assert.equal(
    text,
    [
      "NAME     BACKENDS          AGE\n",
      "catalog  catalog-v1 90%,…   5d\n",
      "a        -                 12s\n",
    ].join(""),
  );
  for (const line of text.split("\n")) assert.ok(textWidth(line) <= 30, line);
});

test("names are cut only when nothing else is left to cut", () => {
  const options: TableOptions = {
    columns: [{ title: "NAME", isKept: true }, { title: "WHY" }],
    rows: [["a-very-long-instance-name", "because of a reason"]],
    style: PLAIN,
    width: 24,
  };
  assert.equal(renderTable(options), "NAME            WHY\na-very-long-i…  because…\n");
});

test("colours do not count as width", () => {
  const style = createStyle(true);
  const rows = [
    [{ text: "SYNCED", paint: style.green }, "x"],
    ["STALE", "y"],
  ];
  const text = renderTable({
    columns: [{ title: "STATUS" }, { title: "PROXY" }],
    rows,
    style,
    width: 40,
  });
  assert.ok(text.includes("\u001b[32mSYNCED\u001b[39m  x"));
  assert.equal(stripVTControlCharacters(text), "STATUS  PROXY\nSYNCED  x\nSTALE   y\n");
});

test("control characters of data cannot move the cursor or break a line", () => {
  const text = renderTable({
    columns: [{ title: "WHY" }],
    rows: [["line one\r\nline\ttwo\u001b[2Jx\u202e"]],
    style: PLAIN,
    width: undefined,
  });
  assert.equal(text, "WHY\nline one line two\\u001b[2Jx\\u202e\n");
});

test("wide characters take two columns, combining marks none", () => {
  const text = renderTable({
    columns: [{ title: "A" }, { title: "B" }],
    rows: [
      ["日本", "x"],
      ["e\u0301e", "y"],
    ],
    style: PLAIN,
    width: undefined,
  });
  assert.equal(text, "A     B\n日本  x\ne\u0301e    y\n");
});
