/**
 * The codec's part of a request's cost: heads parsed, header blocks written, chunks decoded. The
 * proxy has about 4 µs of JavaScript for all of a request, both heads included.
 */
import { bench, do_not_optimize, group } from "mitata";
import { BODY_CHUNKED } from "../../src/http/request-head.ts";
import { BodyDecoder } from "../../src/http1/body-decoder.ts";
import { RequestParser } from "../../src/http1/request-parser.ts";
import { ResponseParser } from "../../src/http1/response-parser.ts";
import { serializeRequestHead, serializeResponseHead } from "../../src/http1/serializer.ts";
import {
  BROWSER_REQUEST,
  COLLIDING_REQUEST,
  chunkedBody,
  REQUEST,
  RESPONSE,
  SMALL_REQUEST,
} from "./http1-messages.ts";

const nothing = {
  onRequestHead: () => {},
  onRequestEnd: () => {},
  onInterimResponse: () => {},
  onResponseHead: () => {},
  onResponseEnd: () => {},
  onBody: () => {},
};

group("http1 heads", () => {
  for (const [name, bytes] of Object.entries({
    "parse request head (1 field)": SMALL_REQUEST,
    "parse request head (8 fields)": REQUEST,
    "parse request head (a browser's)": BROWSER_REQUEST,
    "parse request head (100 colliding names)": COLLIDING_REQUEST,
  })) {
    const requests = new RequestParser(nothing);
    bench(name, () => {
      do_not_optimize(requests.execute(bytes, 0, bytes.length));
    });
  }
  const split = new RequestParser(nothing);
  bench("parse request head in two reads", () => {
    split.execute(REQUEST, 0, 100);
    do_not_optimize(split.execute(REQUEST, 100, REQUEST.length));
  });
  const responses = new ResponseParser(nothing);
  bench("parse response head (7 fields)", () => {
    responses.expect("GET");
    do_not_optimize(responses.execute(RESPONSE, 0, RESPONSE.length));
  });
});

/** Where text becomes bytes, as on a connection: until then it is a rope that costs nothing. */
const out = Buffer.alloc(64 * 1024);

group("http1 writing", () => {
  const requests = new RequestParser(nothing);
  requests.execute(REQUEST, 0, REQUEST.length);
  bench("serialize request head", () => {
    const head = requests.head;
    do_not_optimize(out.write(serializeRequestHead(head, head.target, head.authority), "latin1"));
  });
  const responses = new ResponseParser(nothing);
  responses.expect("GET");
  responses.execute(RESPONSE, 0, RESPONSE.length);
  bench("serialize response head", () => {
    do_not_optimize(out.write(serializeResponseHead(responses.head, true, ""), "latin1"));
  });
  bench("header block to lines", () => {
    do_not_optimize(out.write(requests.head.headers.toLines(), "latin1"));
  });
});

group("http1 chunks", () => {
  const decoder = new BodyDecoder();
  const large = chunkedBody(4, 16_384);
  bench("decode 4 chunks of 16 KiB", () => {
    decoder.begin(BODY_CHUNKED, 0);
    do_not_optimize(decoder.decode(large, 0, large.length, nothing));
  });
  const small = chunkedBody(64, 16);
  bench("decode 64 chunks of 16 bytes", () => {
    decoder.begin(BODY_CHUNKED, 0);
    do_not_optimize(decoder.decode(small, 0, small.length, nothing));
  });
});
