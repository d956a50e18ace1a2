import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Base64Decoder, Base64FrameEncoder } from "./grpc-web-text.ts";

function decoded(pieces: readonly string[]): Buffer | undefined {
  const decoder = new Base64Decoder();
  const parts: Buffer[] = [];
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, "latin1");
    const part = decoder.decode(bytes, 0, bytes.length);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return decoder.isWhole ? Buffer.concat(parts) : undefined;
}

/** Cuts a text at these places. */
function cut(text: string, places: readonly number[]): string[] {
  const at = [0, ...places.map((place) => place % (text.length + 1)), text.length];
  at.sort((a, b) => a - b);
  return at.slice(1).map((end, index) => text.slice(at[index], end));
}

const chunks = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 5 });

test("base64 is decoded in any split, with padding wherever its sender stopped", () => {
  fc.assert(
    fc.property(chunks, fc.array(fc.nat(), { maxLength: 6 }), (parts, places) => {
      const text = parts.map((part) => Buffer.from(part).toString("base64")).join("");
      assert.deepEqual(decoded(cut(text, places)), Buffer.concat(parts));
    }),
  );
});

test("what is no base64 is refused", () => {
  for (const text of ["a", "ab", "abc", "a=bc", "=abc", "ab=c", "a===", "ab c", "ab-_", "abcd\n"]) {
    assert.equal(decoded([text]), undefined, text);
  }
});

function frame(body: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

test("frames are encoded in any split, each whole as soon as it has come", () => {
  fc.assert(
    fc.property(chunks, fc.array(fc.nat(), { maxLength: 6 }), (bodies, places) => {
      const encoder = new Base64FrameEncoder();
      const frames = bodies.map(frame);
      const text = cut(Buffer.concat(frames).toString("latin1"), places)
        .map((piece) => encoder.encode(Buffer.from(piece, "latin1"), 0, piece.length))
        .join("");
      assert.equal(text, frames.map((bytes) => bytes.toString("base64")).join(""));
      assert.equal(encoder.end(), "");
    }),
  );
});

test("a frame that breaks off is passed on as far as it came", () => {
  const encoder = new Base64FrameEncoder();
  const text = encoder.encode(Buffer.from([0, 0, 0, 0, 9, 1, 2]), 0, 7) + encoder.end();
  assert.deepEqual(Buffer.from(text, "base64"), Buffer.from([0, 0, 0, 0, 9, 1, 2]));
});
