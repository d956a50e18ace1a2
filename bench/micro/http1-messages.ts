/** The messages that the HTTP/1.1 benchmarks parse and write: what a mesh carries, not the smallest possible. */

/** A request as a Node or Go client behind a sidecar sends it. */
export const REQUEST = Buffer.from(
  "GET /api/products/1234?currency=eur HTTP/1.1\r\n" +
    "Host: catalog.shop:8080\r\n" +
    "User-Agent: shop-storefront/1.4.2\r\n" +
    "Accept: application/json\r\n" +
    "Accept-Encoding: gzip, deflate\r\n" +
    "X-Request-Id: 5b1d3a52-7f43-4c8f-9c36-0a1b2c3d4e5f\r\n" +
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n" +
    "Cookie: session=8c2f0a4be1d94d0f; cart=42\r\n" +
    "Connection: keep-alive\r\n" +
    "\r\n",
  "latin1",
);

/** The smallest head that load generators send. */
export const SMALL_REQUEST = Buffer.from(
  "GET /bytes HTTP/1.1\r\nHost: 127.0.0.1:10000\r\n\r\n",
  "latin1",
);

export const RESPONSE = Buffer.from(
  "HTTP/1.1 200 OK\r\n" +
    "Content-Type: application/json; charset=utf-8\r\n" +
    "Content-Length: 0\r\n" +
    'ETag: W/"1f-0a1b2c3d"\r\n' +
    "Cache-Control: private, max-age=30\r\n" +
    "Date: Tue, 25 Nov 2025 18:00:00 GMT\r\n" +
    "Connection: keep-alive\r\n" +
    "Keep-Alive: timeout=5\r\n" +
    "\r\n",
  "latin1",
);

export const BROWSER_REQUEST = Buffer.from(
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
  "latin1",
);

/** As many fields as are allowed, each with the hash of content-length (T19): must cost what others cost. */
export const COLLIDING_REQUEST = Buffer.from(
  `GET / HTTP/1.1\r\nHost: a\r\n${"cq0tent-length: v\r\n".repeat(99)}\r\n`,
  "latin1",
);

/** A chunked body of `count` chunks of `size` bytes. */
export function chunkedBody(count: number, size: number): Buffer {
  const chunk = `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`;
  return Buffer.from(`${chunk.repeat(count)}0\r\n\r\n`, "latin1");
}
