/**
 * The HPACK corpus (http2jp/hpack-test-case): every block of every story decoded in order and
 * compared, then encoded by our encoder and decoded again by our decoder.
 */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { HEAD_SIZE_BYTES_MAX } from "../../src/core/limits.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { FieldSection } from "../../src/http2/hpack/field-section.ts";
import { HPACK_OK, hpackErrorInfo } from "../../src/http2/hpack/hpack-error.ts";
import { HpackScratch } from "../../src/http2/hpack/hpack-scratch.ts";
import { encodeFields, fieldsOf, PSEUDO_ORDER } from "./hpack-fields.ts";

/** Story files in the corpus; so many are skipped where it is not there. */
const STORY_COUNT = 190;

interface Case {
  readonly wire: string;
  readonly header_table_size?: number | null;
  readonly headers: readonly Readonly<Record<string, string>>[];
}

const folder = join(import.meta.dirname, "../../../shared/corpora/hpack");
const stories = existsSync(folder) ? globSync("*/*.json", { cwd: folder }).sort() : [];
const scratch = new HpackScratch();

test("the corpus is complete, or its absence is told", () => {
  if (stories.length === 0) console.log(`hpack corpus: skipped ${STORY_COUNT} stories: not there`);
  else assert.equal(stories.length, STORY_COUNT);
});

test("every block of every story decodes to its fields", () => {
  let blocks = 0;
  let malformed = 0;
  for (const story of stories) {
    const decoder = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
    const section = new FieldSection();
    for (const [seqno, block] of casesOf(story).entries()) {
      const size = block.header_table_size;
      if (typeof size === "number") decoder.acknowledgeTableSize(size);
      const wire = Buffer.from(block.wire, "hex");
      const result = decoder.decode(wire, 0, wire.length, section);
      const where = `${story} ${seqno}`;
      const code = result === HPACK_OK ? "" : hpackErrorInfo(result).code;
      assert.equal(code, fault(block), where);
      if (code === "") assert.deepEqual(fieldsOf(section), wanted(block), where);
      else malformed += 1;
      blocks += 1;
    }
  }
  if (stories.length > 0)
    console.log(
      `hpack corpus: ${blocks} blocks of ${stories.length} stories, ${malformed} malformed`,
    );
});

test("every block survives our encoder and decoder", () => {
  const out = Buffer.alloc(256 * 1024);
  let wireBytes = 0;
  let encodedBytes = 0;
  for (const story of stories) {
    const decoder = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
    const encoder = new HpackEncoder({ scratch, usesHuffman: true });
    const section = new FieldSection();
    for (const [seqno, block] of casesOf(story).entries()) {
      if (fault(block) !== "") continue;
      const size = block.header_table_size;
      if (typeof size === "number") {
        decoder.acknowledgeTableSize(size);
        encoder.setPeerTableSize(size);
      }
      const fields = wanted(block);
      const end = encodeFields(encoder, fields, out);
      assert.equal(decoder.decode(out, 0, end, section), HPACK_OK);
      assert.deepEqual(fieldsOf(section), fields, `${story} ${seqno}`);
      assert.equal(encoder.tableSize, decoder.tableSize);
      wireBytes += block.wire.length / 2;
      encodedBytes += end;
    }
  }
  if (stories.length > 0) console.log(`hpack corpus: ${wireBytes} bytes became ${encodedBytes}`);
});

function casesOf(story: string): readonly Case[] {
  return JSON.parse(readFileSync(join(folder, story), "utf8")).cases;
}

/** What is wrong with a block by RFC 9113 sections 8.2.1 and 8.3: the stories were recorded before it. */
function fault(block: Case): string {
  let isRegularSeen = false;
  for (const field of block.headers) {
    const [name, value] = Object.entries(field)[0]!;
    if (/^[ \t]|[ \t]$/.test(value)) return "field_value_padded";
    if (!name.startsWith(":")) isRegularSeen = true;
    else if (isRegularSeen) return "pseudo_field_late";
  }
  return "";
}

function wanted(block: Case): [string, string][] {
  const fields = block.headers.map((field) => Object.entries(field)[0]!);
  const pseudo = PSEUDO_ORDER.flatMap((name) => fields.filter((field) => field[0] === name));
  return [...pseudo, ...fields.filter(([name]) => !name.startsWith(":"))];
}
