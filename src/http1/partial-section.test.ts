import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bytesOf } from "../../test/support/http1-recorder.ts";
import { START_LINE_BYTES_MAX } from "../core/limits.ts";
import { PartialSection } from "./partial-section.ts";
import { requestLineClass } from "./request-line.ts";
import { statusLineClass } from "./status-line.ts";

/** Feeds single bytes. Returns the offsets of those after which a scan was asked for. */
function scansOf(section: PartialSection, text: string): number[] {
  const scans: number[] = [];
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length; at++) {
    if (!section.append(bytes, at, at + 1)) continue;
    scans.push(at);
    section.markScanned();
  }
  assert.equal(section.view.toString("latin1"), text);
  return scans;
}

describe("PartialSection", () => {
  it("asks for scans where a part ends, not at each byte", () => {
    const text = `GET /${"p".repeat(1000)} HTTP/1.1\r\n${"n".repeat(1000)}: ${"v".repeat(1000)}\r\n`;
    const scans = scansOf(new PartialSection(requestLineClass), text);
    // First byte, both spaces, `HTTP/1.1` with its CRLF, the first byte of the field, colon, CRLF.
    assert.ok(scans.length <= 20, `${scans.length} scans`);
    for (const at of scans) assert.doesNotMatch(text.slice(at - 1, at + 1), /pp|nn|vv/);
  });

  it("asks for few scans of a status line and of a trailer section too", () => {
    const line = `HTTP/1.1 200 ${"r".repeat(1000)}\r\n`;
    assert.ok(scansOf(new PartialSection(statusLineClass), line).length <= 16);
    const fields = `n: ${"v".repeat(1000)}\r\n`;
    assert.ok(scansOf(new PartialSection(undefined), fields).length <= 5);
  });

  it("asks for a scan at a byte that the part cannot hold", () => {
    const cases: readonly (readonly [string, string])[] = [
      ["GE", "@"],
      ["GET /a", "\x7f"],
      ["GET / HTTP/1.1\r\nna", " "],
      ["GET / HTTP/1.1\r\nna: v", "\n"],
      ["GET / HTTP/1.1\r\nna: v\r", "x"],
    ];
    for (const [kept, next] of cases) {
      const section = new PartialSection(requestLineClass);
      section.append(bytesOf(kept), 0, kept.length);
      section.markScanned();
      assert.equal(section.append(bytesOf(next), 0, 1), true, JSON.stringify(kept + next));
    }
  });

  it("asks for a scan when a start line reaches its bound", () => {
    const section = new PartialSection(requestLineClass);
    const line = bytesOf(`GET /${"a".repeat(START_LINE_BYTES_MAX - 6)}`);
    section.append(line, 0, line.length);
    section.markScanned();
    assert.equal(section.append(bytesOf("a"), 0, 1), true);
  });

  it("is empty once cleared, and used again", () => {
    const section = new PartialSection(undefined);
    section.append(bytesOf("old"), 0, 3);
    section.clear();
    assert.equal(section.length, 0);
    section.append(bytesOf("_new"), 1, 4);
    assert.equal(section.view.toString("latin1"), "new");
  });
});
