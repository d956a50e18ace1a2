/** Header blocks as codecs fill them, and fields to add to them. */
import assert from "node:assert/strict";
import { HeaderBlock } from "../../src/http/header-block.ts";
import { HeaderField, HeaderName } from "../../src/http/header-field.ts";
import { scanFields } from "../../src/http1/field-scanner.ts";
import { bytesOf } from "./http1-recorder.ts";

/** `lines` are field lines, each ended by CRLF. */
export function blockOf(lines: string): HeaderBlock {
  const block = new HeaderBlock();
  assert.ok(scanFields(bytesOf(`${lines}\r\n`), 0, lines.length + 2, 0, block) > 0);
  block.text = lines;
  return block;
}

export function fieldOf(name: string, value: string): HeaderField {
  return new HeaderField(new HeaderName(name), value);
}
