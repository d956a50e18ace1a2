/** HTTP/1.1 messages by their grammar, with the freedom to contradict themselves. For fast-check. */
import fc from "fast-check";

const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const value = fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\x20-\x7e\t\x80-\xff]{0,20}[\x21-\x7e])?$/);
const padding = fc.constantFrom("", " ", "\t", "  ");

const plainField = fc
  .tuple(token, padding, fc.option(value, { nil: "" }), padding)
  .map(([name, before, text, behind]) => `${name}:${before}${text}${behind}\r\n`);

const framingField = fc.constantFrom(
  "Content-Length: 4\r\n",
  "content-length:4\r\n",
  "Content-Length: 4, 4\r\n",
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "TRANSFER-ENCODING:  Chunked \r\n",
  "Transfer-Encoding: gzip\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive, te, x-a\r\n",
  "Keep-Alive: timeout=3\r\n",
  "Host: a.example\r\n",
  "Upgrade: websocket\r\n",
  "Expect: 100-continue\r\n",
);

const fields = fc
  .array(fc.oneof({ weight: 3, arbitrary: plainField }, framingField), { maxLength: 6 })
  .map((lines) => lines.join(""));

const extension = fc
  .tuple(
    token,
    fc.option(
      fc.oneof(
        token,
        token.map((text) => `"${text}"`),
      ),
      { nil: "" },
    ),
  )
  .map(([name, text]) => (text === "" ? `;${name}` : `;${name}=${text}`));

const chunk = fc
  .tuple(
    fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 20 }),
    fc.array(extension, { maxLength: 2 }),
  )
  .map(([data, extensions]) => `${data.length.toString(16)}${extensions.join("")}\r\n${data}\r\n`);

const chunkedBody = fc
  .tuple(fc.array(chunk, { maxLength: 4 }), fc.array(plainField, { maxLength: 2 }))
  .map(([chunks, trailers]) => `${chunks.join("")}0\r\n${trailers.join("")}\r\n`);

const body = fc.oneof(fc.constant(""), fc.constant("body"), chunkedBody);

const target = fc.constantFrom("/", "/a?b", "//x/../y", "*", "http://h.example/p", "h:80", "/%zz");

export const requestText = fc
  .tuple(
    fc.constantFrom("GET", "POST", "OPTIONS", "CONNECT", "HEAD", "PURGE"),
    target,
    fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.0"),
    fc.constantFrom("Host: a.example\r\n", "Host: a.example\r\n", ""),
    fields,
    body,
  )
  .map(([method, path, version, host, rest, content]) => {
    return `${method} ${path} ${version}\r\n${host}${rest}\r\n${content}`;
  });

export const responseText = fc
  .tuple(
    fc.constantFrom("", "HTTP/1.1 100 Continue\r\n\r\n"),
    fc.constantFrom("HTTP/1.1 200 OK", "HTTP/1.1 204 ", "HTTP/1.0 200 OK", "HTTP/1.1 404"),
    fields,
    body,
  )
  .map(([interim, line, rest, content]) => `${interim}${line}\r\n${rest}\r\n${content}`);
