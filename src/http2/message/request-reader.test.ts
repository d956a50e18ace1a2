/** Each rule of RFC 9113 sections 8.1 to 8.5 and RFC 8441 for requests, with what it refuses. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Field, MessagePipe, rawBlock } from "../../../test/support/http2-message-fixture.ts";
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_TUNNEL } from "../../http/request-head.ts";

const GET: readonly Field[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "shop:8080"],
  [":path", "/a"],
];
const CONNECT: readonly Field[] = [
  [":method", "CONNECT"],
  [":authority", "shop:8080"],
];
const EXTENDED: readonly Field[] = [
  ...replaced(GET, ":method", "CONNECT"),
  [":protocol", "websocket"],
];

function replaced(fields: readonly Field[], name: string, value: string): readonly Field[] {
  return fields.map((field) => (field[0] === name ? [name, value] : field));
}

function without(fields: readonly Field[], name: string): readonly Field[] {
  return fields.filter((field) => field[0] !== name);
}

function read(fields: readonly Field[], isEndStream = true) {
  return new MessagePipe().readRequest(rawBlock(fields), isEndStream);
}

function accepted(fields: readonly Field[], isEndStream = true) {
  const { head, error } = read(fields, isEndStream);
  assert.equal(error, "");
  return head;
}

function assertRefused(fields: readonly Field[], code: string, isEndStream = true): void {
  assert.equal(read(fields, isEndStream).error, code, JSON.stringify(fields));
}

describe("a request", () => {
  it("becomes a head that tells nothing of the one before", () => {
    const pipe = new MessagePipe();
    const first = [...EXTENDED, ["te", "trailers"], ["expect", "100-continue"]] as const;
    const { head } = pipe.readRequest(rawBlock(first), false);
    pipe.readRequest(rawBlock([...GET, ["x-a", "1"]]), true, head);
    const { headers, scheme, ...rest } = head;
    assert.equal(scheme, "http", "is what the connection set, not :scheme");
    assert.deepEqual(rest, {
      method: "GET",
      target: "/a",
      hasSpecialBytes: false,
      startEnd: 0,
      queryAt: -1,
      authority: "shop:8080",
      minorVersion: 1,
      bodyKind: BODY_NONE,
      contentLength: -1,
      keepAlive: true,
      expectsContinue: false,
      acceptsTrailers: false,
      upgrade: "",
    });
    assert.equal(headers.toLines(), "x-a: 1\r\n");
  });

  it("has a body unless the stream ends with its head", () => {
    const kinds = [read(GET), read(GET, false), read([...GET, ["content-length", "5"]], false)];
    assert.deepEqual(
      kinds.map(({ head }) => [head.bodyKind, head.contentLength]),
      [
        [BODY_NONE, -1],
        [BODY_CHUNKED, -1],
        [BODY_LENGTH, 5],
      ],
    );
  });

  it("says in its fields what it expects and takes", () => {
    const head = accepted([...GET, ["te", "Trailers"], ["expect", "100-Continue"]], false);
    assert.ok(head.acceptsTrailers && head.expectsContinue);
    assert.equal(head.headers.toLines(), "te: Trailers\r\nexpect: 100-Continue\r\n");
  });
});

describe("pseudo-header fields (RFC 9113 section 8.3.1)", () => {
  for (const name of [":method", ":scheme", ":path"]) {
    it(`need ${name}`, () => assertRefused(without(GET, name), "pseudo_field_missing"));
  }

  it("have no :status", () =>
    assertRefused([[":status", "200"], ...GET], "pseudo_field_misplaced"));

  it("have :protocol with CONNECT only", () =>
    assertRefused([...GET, [":protocol", "websocket"]], "protocol_invalid"));

  for (const method of ["", "G T", "G@T", "GET\xe9", "GET/", "G:T"]) {
    it(`refuse the method ${JSON.stringify(method)}`, () =>
      assertRefused(replaced(GET, ":method", method), "method_invalid"));
  }
  for (const method of ["get", "PATCH", "M-SEARCH", "QUERY"]) {
    it(`take the method ${method}`, () =>
      assert.equal(accepted(replaced(GET, ":method", method)).method, method));
  }

  for (const scheme of ["", "ht tp", "http:", "http://x/", "1http", "h\xe9"]) {
    it(`refuse the scheme ${JSON.stringify(scheme)}`, () =>
      assertRefused(replaced(GET, ":scheme", scheme), "scheme_invalid"));
  }
  for (const scheme of ["http", "HTTPS", "coap+tcp"]) {
    it(`take the scheme ${scheme}`, () => {
      accepted(replaced(GET, ":scheme", scheme));
    });
  }

  const PATHS = ["", "*", "a", "a/b", "http://shop/a", "?a", "/a#b", "/a b", "/\xe9", "//#", "/?#"];
  for (const path of PATHS) {
    it(`refuse the path ${JSON.stringify(path)}`, () =>
      assertRefused(replaced(GET, ":path", path), "path_invalid"));
  }
  it("take * with OPTIONS, and nothing like it", () => {
    const options = replaced(GET, ":method", "OPTIONS");
    assert.equal(accepted(replaced(options, ":path", "*")).target, "*");
    assertRefused(replaced(options, ":path", "**"), "path_invalid");
    assertRefused(replaced(options, ":path", "*/"), "path_invalid");
  });

  const SPECIAL: readonly (readonly [path: string, hasSpecialBytes: boolean, queryAt: number])[] = [
    ["/", false, -1],
    ["/a.b/c", false, -1],
    ["/a?b//c?%20", false, 2],
    ["/a//b", true, -1],
    ["/a/./b", true, -1],
    ["/a..b?", true, 5],
    ["/a%2f?x", true, 5],
    ["/a\\b", true, -1],
  ];
  for (const [path, hasSpecialBytes, queryAt] of SPECIAL) {
    it(`look at the path ${path} once`, () => {
      const head = accepted(replaced(GET, ":path", path));
      assert.deepEqual([head.hasSpecialBytes, head.queryAt], [hasSpecialBytes, queryAt]);
    });
  }
});

describe("the authority (RFC 9113 section 8.3.1, T23)", () => {
  for (const authority of ["", "u@shop", "u:p@shop", "shop:x", "shop/", "a b", "a, b", "[::1"]) {
    it(`is not ${JSON.stringify(authority)}`, () =>
      assertRefused(replaced(GET, ":authority", authority), "authority_invalid"));
  }

  it("may come as Host, which is taken out", () => {
    const head = accepted([...without(GET, ":authority"), ["host", "shop"], ["x-a", "1"]]);
    assert.deepEqual([head.authority, head.headers.toLines()], ["shop", "x-a: 1\r\n"]);
    assertRefused([...without(GET, ":authority"), ["host", "u@shop"]], "authority_invalid");
  });

  it("may be missing, as in HTTP/1.0, or an empty Host", () => {
    assert.equal(accepted(without(GET, ":authority")).authority, "");
    assert.equal(accepted([...without(GET, ":authority"), ["host", ""]]).authority, "");
  });

  const SAME = [
    ["shop:8080", "shop:8080", "https"],
    ["Shop", "shop", "http"],
    ["shop", "shop:443", "https"],
    ["shop:80", "shop", "http"],
    ["shop:", "shop", "http"],
  ] as const;
  for (const [authority, host, scheme] of SAME) {
    it(`says the same as Host: ${authority}, ${host} over ${scheme}`, () => {
      const fields = replaced(replaced(GET, ":authority", authority), ":scheme", scheme);
      const head = accepted([...fields, ["host", host]]);
      assert.deepEqual([head.authority, head.headers.toLines()], [authority, ""]);
    });
  }
  const DIFFERENT = [
    ["shop", "shop:80", "authority_conflict"],
    ["shop:8080", "shop", "authority_conflict"],
    ["shop", "bank", "authority_conflict"],
    ["shop", "", "authority_invalid"],
    ["shop", "u@shop", "authority_invalid"],
  ] as const;
  for (const [authority, host, code] of DIFFERENT) {
    it(`differs from Host: ${authority}, ${JSON.stringify(host)} over https`, () =>
      assertRefused([...replaced(GET, ":authority", authority), ["host", host]], code));
  }

  it("is not given by two Host fields, equal or not", () => {
    const hosts: readonly Field[] = [
      ["host", "shop:8080"],
      ["host", "shop:8080"],
    ];
    assertRefused([...GET, ...hosts], "authority_conflict");
    assertRefused([...without(GET, ":authority"), ...hosts], "authority_conflict");
  });
});

describe("regular fields (RFC 9113 section 8.2.2)", () => {
  const REFUSED: readonly Field[] = [
    ["connection", "close"],
    ["connection", ""],
    ["keep-alive", "timeout=5"],
    ["proxy-connection", "keep-alive"],
    ["transfer-encoding", "chunked"],
    ["upgrade", "h2c"],
    ["http2-settings", "AAMAAABkAAQAAP__"],
    ["te", "gzip"],
    ["te", "trailers, gzip"],
    ["te", ""],
  ];
  for (const field of REFUSED) {
    it(`do not have ${field[0]}: ${field[1]}`, () => {
      assertRefused([...GET, field], "connection_field");
      assertRefused([...EXTENDED, field], "connection_field", false);
      assertRefused([...CONNECT, field], "connection_field", false);
    });
  }

  const LENGTHS = ["", "+1", "-1", "0x1", "1 1", "1,2", "1e1", "1.0", "9".repeat(16), "\xb2"];
  for (const length of LENGTHS) {
    it(`refuse the Content-Length ${JSON.stringify(length)}`, () =>
      assertRefused([...GET, ["content-length", length]], "content_length_invalid", false));
  }

  it("have one Content-Length, which is taken out, or the same one again", () => {
    const two = (a: string, b: string): readonly Field[] => [
      ...GET,
      ["content-length", a],
      ["x-a", "1"],
      ["content-length", b],
    ];
    assertRefused(two("1", "2"), "content_length_invalid", false);
    for (const fields of [two("5", "5"), two("5, 5", "5")]) {
      const head = accepted(fields, false);
      assert.deepEqual([head.contentLength, head.headers.toLines()], [5, "x-a: 1\r\n"]);
    }
  });

  it("have no Content-Length but 0 when the stream ends (section 8.1.1)", () => {
    assertRefused([...GET, ["content-length", "1"]], "content_length_mismatch");
    const head = accepted([...GET, ["content-length", "0"]]);
    assert.deepEqual([head.bodyKind, head.contentLength], [BODY_NONE, 0]);
  });
});

describe("cookies (RFC 9113 section 8.2.3)", () => {
  it("become one field, which is never indexed if one of them was", () => {
    const head = accepted([...GET, ["cookie", "a=1"], ["x-a", "1"], ["cookie", "b=2", true]]);
    assert.equal(head.headers.toLines(), "x-a: 1\r\ncookie: a=1; b=2\r\n");
    assert.deepEqual(head.headers.valuesOf("cookie"), ["a=1; b=2"]);
    const long = "c".repeat(40);
    for (const isSecret of [true, undefined]) {
      const cookie: Field = isSecret ? ["cookie", long, true] : ["cookie", long];
      const { head: joined } = read([...GET, cookie, ["cookie", "d"]]);
      const peer = new MessagePipe();
      const { head: next } = peer.readRequest(peer.writeRequest(joined), true);
      assert.equal(next.headers.isNeverIndexed(0), isSecret === true);
    }
  });

  it("are left alone when there is one field", () => {
    const head = accepted([...GET, ["cookie", "a=1; b=2"], ["x-a", "1"]]);
    assert.equal(head.headers.toLines(), "cookie: a=1; b=2\r\nx-a: 1\r\n");
  });
});

describe("CONNECT (RFC 9113 section 8.5)", () => {
  it("has host and port for a target", () => {
    const head = accepted([...CONNECT, ["x-a", "1"]], false);
    assert.deepEqual(
      [head.method, head.target, head.authority, head.bodyKind, head.upgrade],
      ["CONNECT", "shop:8080", "shop:8080", BODY_TUNNEL, ""],
    );
  });

  it("has neither scheme nor path, nor goes without an authority and its port", () => {
    assertRefused([...CONNECT, [":scheme", "https"]], "pseudo_field_misplaced", false);
    assertRefused([...CONNECT, [":path", "/"]], "pseudo_field_misplaced", false);
    assertRefused([[":method", "CONNECT"]], "pseudo_field_missing", false);
    assertRefused(
      [
        [":method", "CONNECT"],
        ["host", "a:1"],
      ],
      "pseudo_field_missing",
      false,
    );
    for (const authority of ["shop", "shop:", "[::1]", "u@shop:1", ""]) {
      assertRefused(replaced(CONNECT, ":authority", authority), "authority_invalid", false);
    }
  });

  it("has no content", () => {
    assertRefused([...CONNECT, ["content-length", "1"]], "content_unexpected", false);
    assert.equal(accepted([...CONNECT, ["content-length", "0"]], false).contentLength, -1);
    assertRefused([...EXTENDED, ["content-length", "1"]], "content_unexpected", false);
  });
});

describe("extended CONNECT (RFC 8441 section 4)", () => {
  it("becomes the Upgrade of HTTP/1.1", () => {
    const head = accepted(EXTENDED, false);
    assert.deepEqual(
      [head.method, head.target, head.authority, head.bodyKind, head.upgrade],
      ["GET", "/a", "shop:8080", BODY_TUNNEL, "websocket"],
    );
    assert.equal(accepted(replaced(EXTENDED, ":protocol", "a/1.0"), false).upgrade, "a/1.0");
  });

  for (const name of [":scheme", ":path", ":authority"]) {
    it(`needs ${name}`, () =>
      assertRefused(without(EXTENDED, name), "pseudo_field_missing", false));
  }

  for (const protocol of ["", "a, b", "web socket", "h2c", "H2C", "h2c/1", "/", "a/", "a/b/c"]) {
    it(`refuses the protocol ${JSON.stringify(protocol)}`, () =>
      assertRefused(replaced(EXTENDED, ":protocol", protocol), "protocol_invalid", false));
  }

  it("is held to the rules for paths and schemes", () => {
    assertRefused(replaced(EXTENDED, ":path", "*"), "path_invalid", false);
    assertRefused(replaced(EXTENDED, ":scheme", "a b"), "scheme_invalid", false);
  });
});
