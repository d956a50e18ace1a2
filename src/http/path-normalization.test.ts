/** T21: one canonical form for every spelling of a path, and no spelling that changes behind us. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { normalizePath, type PathNormalization } from "./path-normalization.ts";

const ALL: PathNormalization = { normalizes: true, mergesSlashes: true, escapedSlashes: "keep" };

function pathOf(path: string, rules: PathNormalization = ALL): string {
  const result = normalizePath(path, rules);
  return result.kind === "refused" ? "refused" : result.path;
}

describe("normalizePath", () => {
  const CASES: readonly (readonly [string, string])[] = [
    ["/", "/"],
    ["/a/b", "/a/b"],
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/a/b/..", "/a/"],
    ["/a/.", "/a/"],
    ["/.", "/"],
    ["/a/../", "/"],
    ["/a/b/../../c", "/c"],
    ["//a///b//", "/a/b/"],
    ["/a//../b", "/a/b"],
    ["/%2e%2E/a", "refused"],
    ["/a/%2e%2e/b", "/b"],
    ["/a/.%2e/b", "/b"],
    ["/%61%7E%2D", "/a~-"],
    ["/%41dmin", "/Admin"],
    ["\\a\\..\\b", "/b"],
    ["/a\\b", "/a/b"],
    ["/a%2fb%5Cc", "/a%2fb%5Cc"],
    ["/..", "refused"],
    ["/../a", "refused"],
    ["/a/../../b", "refused"],
    ["/a/...", "/a/..."],
    ["/.a/..b", "/.a/..b"],
    ["/%00", "refused"],
    ["/a%00b", "refused"],
    ["/%20%3f%23", "/%20%3f%23"],
    // Decoded once: what another decoding would make of these is not ours to make.
    ["/%252e%252e/a", "/%252e%252e/a"],
    ["/%2561", "/%2561"],
    // What decoding would make a new escape of is kept from being one.
    ["/%%32%65%%32%65/a", "/%252e%252e/a"],
    ["/%2%65/a", "/%252e/a"],
    ["/%%%32%65", "/%%252e"],
    ["/%%41", "/%A"],
    // Parameters of a segment make it no other segment.
    ["/a/..;/b", "/b"],
    ["/a/..;x=y/b", "/b"],
    ["/a/%2e%2e;/b", "/b"],
    ["/a/.;x", "/a/"],
    ["/a;x/../b", "/b"],
    ["/a/..%3b/b", "/a/..%3b/b"],
    ["/a/...;/b", "/a/...;/b"],
    ["/..;/b", "refused"],
    ["/100%", "/100%"],
    ["/%zz%41", "/%zzA"],
  ];
  for (const [path, expected] of CASES) {
    it(`makes ${expected} of ${path}`, () => assert.equal(pathOf(path), expected));
  }

  it("does to escaped slashes what the listener says", () => {
    const rules = (escapedSlashes: PathNormalization["escapedSlashes"]) => ({
      ...ALL,
      escapedSlashes,
    });
    for (const path of ["/a%2fb", "/a%2Fb", "/a%5cb", "/a%5Cb"]) {
      assert.equal(pathOf(path, rules("keep")), path);
      assert.equal(pathOf(path, rules("reject")), "refused");
      assert.deepEqual(normalizePath(path, rules("unescape")), { kind: "path", path: "/a/b" });
      assert.deepEqual(normalizePath(path, rules("redirect")), { kind: "redirect", path: "/a/b" });
    }
    assert.equal(pathOf("/a%2f..%2fb", rules("unescape")), "/b");
    assert.equal(pathOf("/a%2f..%2f..%2fb", rules("unescape")), "refused");
    assert.equal(pathOf("/a/b", rules("reject")), "/a/b");
    assert.equal(pathOf("/%2%66", rules("reject")), "/%252f");
  });

  it("leaves paths alone where nothing is switched on, but for %00", () => {
    const off: PathNormalization = {
      normalizes: false,
      mergesSlashes: false,
      escapedSlashes: "keep",
    };
    for (const path of ["//a/../%41\\b", "/./"]) assert.equal(pathOf(path, off), path);
    assert.equal(pathOf("/%00", off), "refused");
    assert.equal(pathOf("//a//", { ...off, mergesSlashes: true }), "/a/");
  });

  it("gives a form that it leaves alone, without dot segments, doubled or turned slashes", () => {
    const piece = fc.constantFrom(
      ...[
        "/",
        "//",
        ".",
        "..",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "\\",
        "%",
        "%2",
        "%25",
        "%32",
        "%65",
        "%66",
        "%30",
        ";",
      ],
      ...["a", "b", "0", "2", "e", "f", "~", "%61", "%zz"],
    );
    const paths = fc.array(piece, { maxLength: 12 }).map((parts) => `/${parts.join("")}`);
    const modes = fc.constantFrom<PathNormalization["escapedSlashes"]>(
      "keep",
      "reject",
      "unescape",
    );
    fc.assert(
      fc.property(paths, modes, (path, escapedSlashes) => {
        const rules = { ...ALL, escapedSlashes };
        const once = pathOf(path, rules);
        if (once === "refused") return;
        assert.equal(pathOf(once, rules), once);
        assert.doesNotMatch(once, /\/\/|\\|%00/i);
        if (escapedSlashes !== "keep") assert.doesNotMatch(once, /%2f|%5c/i);
        // What an app that decodes once sees has no dot segments either, with parameters or without.
        const seen = once.replace(/%(?!2f|5c)([0-9a-f]{2})/gi, (_, digits: string) =>
          String.fromCharCode(Number.parseInt(digits, 16)),
        );
        assert.doesNotMatch(seen, /\/\.\.?(?=\/|;|$)/);
      }),
      { numRuns: 3000 },
    );
  });
});
