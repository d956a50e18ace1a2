/** The HTTP/1.1 codec on a request and a response as a browser and an app send them. */
import { bench, do_not_optimize, group } from "mitata";
import { RequestParser } from "../../src/http1/request-parser.ts";
import { serializeRequestHead } from "../../src/http1/serializer.ts";

const SMALL = Buffer.from("GET /products/7 HTTP/1.1\r\nHost: catalog\r\nUser-Agent: wrk\r\n\r\n");
const BROWSER = Buffer.from(
  [
    "GET /products?category=lamps&page=2 HTTP/1.1",
    "Host: shop.example.com",
    "Connection: keep-alive",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9",
    "Cookie: session=6f1c2d7a9b; basket=42; theme=dark",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "x-request-id: 0f6d3a5e-7d1f-4d8a-9a41-2b7c1c9f8e10",
    "\r\n",
  ].join("\r\n"),
);
const CHUNKED = Buffer.from(
  "POST /orders HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n" +
    `400\r\n${"x".repeat(1024)}\r\n0\r\n\r\n`,
);

const parser = new RequestParser({
  onRequestHead(head) {
    do_not_optimize(head.target);
  },
  onBody(_bytes, start, end) {
    do_not_optimize(end - start);
  },
  onRequestEnd(trailers) {
    do_not_optimize(trailers);
  },
});

group("parse a request", () => {
  for (const [name, bytes] of Object.entries({
    small: SMALL,
    browser: BROWSER,
    chunked: CHUNKED,
  })) {
    bench(name, () => do_not_optimize(parser.execute(bytes, 0, bytes.length)));
  }
});

group("parse and write a request head", () => {
  bench("browser", () => {
    parser.execute(BROWSER, 0, BROWSER.length);
    do_not_optimize(serializeRequestHead(parser.head, parser.head.target, "shop.example.com"));
  });
});
