/** RFC 2253: the last relative name first, and nothing that could end the value of a header field. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nameDer } from "./certificate-writer.ts";
import { distinguishedNameText } from "./distinguished-name.ts";

const CN = "2.5.4.3";
const O = "2.5.4.10";

const NAMES: readonly (readonly [
  attributes: readonly (readonly [string, string])[],
  text: string,
])[] = [
  [[], ""],
  [[[CN, "web"]], "CN=web"],
  [
    [
      [O, "Shop"],
      [CN, "web"],
    ],
    "CN=web,O=Shop",
  ],
  [[[CN, 'a,b+c"d\\e<f>g;h']], 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h'],
  [[[CN, " #a "]], "CN=\\ #a\\ "],
  [[[CN, "#a"]], "CN=\\#a"],
  [[[CN, "ü\r\nx"]], "CN=\\C3\\BC\\0D\\0Ax"],
  [[["1.2.3", "x"]], "1.2.3=x"],
];

for (const [attributes, text] of NAMES) {
  test(`${JSON.stringify(attributes)} is ${text || "nothing"}`, () => {
    assert.equal(distinguishedNameText(nameDer(attributes)), text);
  });
}
