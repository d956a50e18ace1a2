/**
 * HPACK's part of a request over a mesh hop: each side decodes one field section and encodes one.
 * Steady state: the tables hold what repeats, identifiers are new in each message.
 */
import { bench, do_not_optimize, group } from "mitata";
import { HEAD_SIZE_BYTES_MAX } from "../../src/core/limits.ts";
import { HeaderField, HeaderName } from "../../src/http/header-field.ts";
import { HEADER } from "../../src/http/header-name.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { FieldSection } from "../../src/http2/hpack/field-section.ts";
import { HpackScratch } from "../../src/http2/hpack/hpack-scratch.ts";
import { decodeHuffman, encodeHuffman } from "../../src/http2/hpack/huffman.ts";

const CONSTANT_LINES =
  "user-agent: shop-storefront/1.4.2\r\n" +
  "accept: application/json\r\n" +
  "accept-encoding: gzip, deflate\r\n" +
  "x-forwarded-proto: https\r\n" +
  "x-forwarded-client-cert: By=spiffe://cluster.local/ns/shop/sa/catalog;URI=spiffe://cluster.local/ns/shop/sa/front\r\n" +
  "x-tenant: emea\r\n";
const VARYING_LINES =
  "x-request-id: 5b1d3a52-7f43-4c8f-9c36-0a1b2c3d4e5f\r\n" +
  "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" +
  "cookie: session=8c2f0a4be1d94d0f; cart=42\r\n";
const RESPONSE_LINES =
  "content-type: application/json; charset=utf-8\r\n" +
  "content-length: 1532\r\n" +
  'etag: W/"1f-0a1b2c3d"\r\n' +
  "cache-control: private, max-age=30\r\n" +
  "date: Tue, 25 Nov 2025 18:00:00 GMT\r\n" +
  "server: envoy\r\n";

const scratch = new HpackScratch();
const out = Buffer.alloc(64 * 1024);

interface Span {
  readonly id: number;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly valueEnd: number;
}

/** The offsets that a codec has for lines which came from it. */
function spansOf(lines: string): readonly Span[] {
  const spans: Span[] = [];
  let at = 0;
  for (const line of lines.split("\r\n").slice(0, -1)) {
    const nameEnd = at + line.indexOf(":");
    const id = HEADER[lines.slice(at, nameEnd) as keyof typeof HEADER] ?? 0;
    spans.push({ id, nameStart: at, nameEnd, valueEnd: at + line.length });
    at += line.length + 2;
  }
  return spans;
}

function addSpans(encoder: HpackEncoder, text: string, spans: readonly Span[]): void {
  encoder.setText(text);
  for (const { id, nameStart, nameEnd, valueEnd } of spans) {
    encoder.addSpan(id, nameStart, nameEnd, nameEnd + 2, valueEnd, false);
  }
}

function encodeRequest(encoder: HpackEncoder, lines: string, spans: readonly Span[]): number {
  encoder.begin(out, 0);
  encoder.method("GET");
  encoder.scheme("https");
  encoder.authority("catalog.shop:8080");
  encoder.path("/api/products/1234?currency=eur");
  addSpans(encoder, lines, spans);
  return encoder.end();
}

function encodeResponse(encoder: HpackEncoder, lines: string, spans: readonly Span[]): number {
  encoder.begin(out, 0);
  encoder.status(200);
  addSpans(encoder, lines, spans);
  return encoder.end();
}

/** A decoder in steady state and the block that it then gets. */
function prepare(
  encode: (encoder: HpackEncoder, lines: string, spans: readonly Span[]) => number,
  lines: string,
  usesHuffman: boolean,
): { decoder: HpackDecoder; section: FieldSection; block: Buffer } {
  const encoder = new HpackEncoder({ scratch, usesHuffman });
  const decoder = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
  const section = new FieldSection();
  const spans = spansOf(lines);
  let block = Buffer.alloc(0);
  for (let i = 0; i < 4; i++) {
    block = Buffer.from(out.subarray(0, encode(encoder, lines, spans)));
    if (i < 3) decoder.decode(block, 0, block.length, section);
  }
  return { decoder, section, block };
}

const CASES = [
  ["request, 4 + 6 fields that repeat", encodeRequest, CONSTANT_LINES, true],
  ["request, 4 + 9 fields, 3 vary", encodeRequest, CONSTANT_LINES + VARYING_LINES, true],
  ["the same without Huffman", encodeRequest, CONSTANT_LINES + VARYING_LINES, false],
  ["response, 1 + 6 fields", encodeResponse, RESPONSE_LINES, true],
] as const;

group("hpack decode", () => {
  for (const [name, encode, lines, usesHuffman] of CASES) {
    const { decoder, section, block } = prepare(encode, lines, usesHuffman);
    bench(`${name} (${block.length} bytes)`, () => {
      do_not_optimize(decoder.decode(block, 0, block.length, section));
    });
  }
});

group("hpack encode", () => {
  for (const [name, encode, lines, usesHuffman] of CASES) {
    const encoder = new HpackEncoder({ scratch, usesHuffman });
    const spans = spansOf(lines);
    bench(name, () => {
      do_not_optimize(encode(encoder, lines, spans));
    });
  }
  const lines = CONSTANT_LINES + VARYING_LINES;
  const byLines = new HpackEncoder({ scratch, usesHuffman: true });
  bench("9 fields as lines", () => {
    byLines.begin(out, 0);
    byLines.addLines(lines);
    do_not_optimize(byLines.end());
  });
  const field = new HeaderField(new HeaderName("x-forwarded-proto"), "https");
  const added = new HpackEncoder({ scratch, usesHuffman: true });
  bench("1 field of the proxy's own", () => {
    added.begin(out, 0);
    added.addField(field);
    do_not_optimize(added.end());
  });
});

group("hpack Huffman", () => {
  const text = Buffer.from("/api/products/1234?currency=eur&session=8c2f0a4be1d94d0f", "latin1");
  const coded = Buffer.alloc(128);
  const codedEnd = encodeHuffman(text, 0, text.length, coded, 0, coded.length);
  bench(`encode ${text.length} characters`, () => {
    do_not_optimize(encodeHuffman(text, 0, text.length, coded, 0, coded.length));
  });
  bench(`decode ${text.length} characters`, () => {
    do_not_optimize(decodeHuffman(coded, 0, codedEnd, out, 0));
  });
});
