/**
 * A message's part of the cost of HTTP/2 between field sections and heads: a head read from its block,
 * HPACK included, and written as one. Steady state: the tables hold what repeats.
 */
import { bench, do_not_optimize, group } from "mitata";
import { HEAD_SIZE_BYTES_MAX } from "../../src/core/limits.ts";
import { RequestHead } from "../../src/http/request-head.ts";
import { ResponseHead } from "../../src/http/response-head.ts";
import { RequestParser } from "../../src/http1/request-parser.ts";
import { ResponseParser } from "../../src/http1/response-parser.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { FieldSection } from "../../src/http2/hpack/field-section.ts";
import { HpackScratch } from "../../src/http2/hpack/hpack-scratch.ts";
import { readRequest } from "../../src/http2/message/request-reader.ts";
import { writeRequest } from "../../src/http2/message/request-writer.ts";
import { readResponse } from "../../src/http2/message/response-reader.ts";
import { writeResponse } from "../../src/http2/message/response-writer.ts";
import { readTrailers } from "../../src/http2/message/trailer-reader.ts";
import { writeTrailers } from "../../src/http2/message/trailer-writer.ts";
import { REQUEST, RESPONSE } from "./http1-messages.ts";

/** Blocks after which the tables do not change any more. */
const WARM_BLOCKS = 4;

const nothing = {
  onRequestHead: () => {},
  onRequestEnd: () => {},
  onInterimResponse: () => {},
  onResponseHead: () => {},
  onResponseEnd: () => {},
  onBody: () => {},
};
const scratch = new HpackScratch();
const out = Buffer.alloc(64 * 1024);

/** The block that `write` makes in the end, and a decoder that has read those before it. */
function prepare(write: (encoder: HpackEncoder) => number) {
  const encoder = new HpackEncoder({ scratch, usesHuffman: false });
  const decoder = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
  const section = new FieldSection();
  let block = Buffer.alloc(0);
  for (let i = 0; i < WARM_BLOCKS; i++) {
    block = Buffer.from(out.subarray(0, write(encoder)));
    if (i < WARM_BLOCKS - 1) decoder.decode(block, 0, block.length, section);
  }
  return { encoder, decoder, section, block };
}

const requests = new RequestParser(nothing);
requests.execute(REQUEST, 0, REQUEST.length);
const responses = new ResponseParser(nothing);
responses.expect("GET");
responses.execute(RESPONSE, 0, RESPONSE.length);

group("http2 requests (4 + 7 fields)", () => {
  const write = (encoder: HpackEncoder) => {
    const { head } = requests;
    return writeRequest(encoder, out, 0, head, head.target, head.authority, "https");
  };
  const { encoder, decoder, section, block } = prepare(write);
  const head = new RequestHead();
  section.headers = head.headers;
  bench("decode the block alone", () => {
    do_not_optimize(decoder.decode(block, 0, block.length, section));
  });
  bench("decode and read", () => {
    decoder.decode(block, 0, block.length, section);
    do_not_optimize(readRequest(section, true, head));
  });
  bench("write from a head of HTTP/1.1", () => {
    do_not_optimize(write(encoder));
  });
  bench("write from a head of HTTP/2", () => {
    const { authority, target } = head;
    do_not_optimize(writeRequest(encoder, out, 0, head, target, authority, "https"));
  });
});

group("http2 responses (1 + 5 fields)", () => {
  const write = (encoder: HpackEncoder) => writeResponse(encoder, out, 0, responses.head);
  const { encoder, decoder, section, block } = prepare(write);
  const head = new ResponseHead();
  section.headers = head.headers;
  bench("decode the block alone", () => {
    do_not_optimize(decoder.decode(block, 0, block.length, section));
  });
  bench("decode and read", () => {
    decoder.decode(block, 0, block.length, section);
    do_not_optimize(readResponse(section, true, "GET", false, head));
  });
  bench("write", () => {
    do_not_optimize(write(encoder));
  });
});

group("http2 trailers of gRPC", () => {
  const lines = "grpc-status: 0\r\ngrpc-message: ok\r\n";
  const written = prepare((encoder) => {
    encoder.begin(out, 0);
    encoder.addLines(lines);
    return encoder.end();
  });
  const { encoder, decoder, section, block } = written;
  bench("decode and read", () => {
    decoder.decode(block, 0, block.length, section);
    do_not_optimize(readTrailers(section));
  });
  bench("write", () => {
    do_not_optimize(writeTrailers(encoder, out, 0, section.headers));
  });
});
