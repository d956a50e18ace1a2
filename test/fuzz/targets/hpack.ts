/**
 * HPACK there and back: blocks of any bytes on one decoder; what it accepts is encoded, with or
 * without Huffman coding, and decoded again to the same fields.
 */
import { HEAD_SIZE_BYTES_MAX, HEADER_COUNT_MAX } from "../../../src/core/limits.ts";
import { HpackDecoder } from "../../../src/http2/hpack/decoder.ts";
import { encodedBytesMax, HpackEncoder } from "../../../src/http2/hpack/encoder.ts";
import { FieldSection, PSEUDO } from "../../../src/http2/hpack/field-section.ts";
import { HPACK_OK } from "../../../src/http2/hpack/hpack-error.ts";
import { HpackScratch } from "../../../src/http2/hpack/hpack-scratch.ts";
import { hashOf } from "../digest.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { hpackBlocks } from "../shared-corpus.ts";

const TABLE_BYTES_MAX = 4_096;
/** A block that an input can hold grows by the dynamic table: room for what decodes within the list's bound. */
const out = Buffer.alloc(encodedBytesMax(HEAD_SIZE_BYTES_MAX, HEADER_COUNT_MAX + 8));
const scratch = new HpackScratch();
const options = { scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX };

interface Pair {
  readonly encoder: HpackEncoder;
  readonly decoder: HpackDecoder;
}

/** Blocks stand behind a byte that tells their length. */
function fuzz(data: Buffer): void {
  const decoder = new HpackDecoder(options);
  const section = new FieldSection();
  const again = new FieldSection();
  const pair: Pair = {
    encoder: new HpackEncoder({ scratch, usesHuffman: hashOf(data) % 2 === 0 }),
    decoder: new HpackDecoder(options),
  };
  let at = 0;
  while (at < data.length) {
    const end = Math.min(at + 1 + data[at]!, data.length);
    const result = decoder.decode(data, at + 1, end, section);
    must(decoder.tableSize <= TABLE_BYTES_MAX, "the dynamic table is bounded");
    // An error of the connection: the tables are out of step.
    if (result < HPACK_OK) return;
    if (result === HPACK_OK) roundTrip(pair, section, again);
    at = end;
  }
}

function roundTrip({ encoder, decoder }: Pair, section: FieldSection, again: FieldSection): void {
  const lines = section.headers.toLines();
  must(section.listSizeBytes <= HEAD_SIZE_BYTES_MAX, "the list is bounded");
  must(/^(?:[^\r\n\0]+\r\n)*$/.test(lines), "no line is smuggled in");
  encoder.begin(out, 0);
  encodePseudo(encoder, section);
  encoder.addLines(lines);
  const result = decoder.decode(out, 0, encoder.end(), again);
  must(result === HPACK_OK, "what we encode is accepted");
  must(again.headers.toLines() === lines, "the fields come back");
  must(
    again.present === section.present &&
      again.method === section.method &&
      again.scheme === section.scheme &&
      again.authority === section.authority &&
      again.path === section.path &&
      again.protocol === section.protocol &&
      again.status === section.status,
    "the pseudo fields come back",
  );
  must(encoder.tableSize === decoder.tableSize, "both tables are in step");
}

function encodePseudo(encoder: HpackEncoder, section: FieldSection): void {
  const has = (pseudo: number): boolean => (section.present & (1 << pseudo)) !== 0;
  if (has(PSEUDO.method)) encoder.method(section.method);
  if (has(PSEUDO.scheme)) encoder.scheme(section.scheme);
  if (has(PSEUDO.authority)) encoder.authority(section.authority);
  if (has(PSEUDO.path)) encoder.path(section.path);
  if (has(PSEUDO.status)) encoder.status(section.status);
  if (has(PSEUDO.protocol)) encoder.protocol(section.protocol);
}

export const hpack: FuzzTarget = {
  name: "hpack",
  fuzz,
  seeds: () =>
    hpackBlocks()
      .filter((block) => block.length < 256)
      .map((block) => Buffer.concat([Buffer.of(block.length), block])),
  inputBytesMax: 1_024,
};
