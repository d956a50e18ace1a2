import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { blockOf, fieldOf } from "../../test/support/header-fixture.ts";
import { nextRoom } from "./field-room.ts";
import { type FieldWriter, HeaderBlock } from "./header-block.ts";
import { HeaderName } from "./header-field.ts";
import { HEADER } from "./header-name.ts";
import { NameFamily } from "./name-family.ts";

function pairsOf(block: HeaderBlock): string[] {
  const pairs: string[] = [];
  block.forEach((name, value) => {
    pairs.push(`${name}=${value}`);
  });
  return pairs;
}

describe("HeaderBlock", () => {
  it("keeps names, values, case and order", () => {
    const lines = "B: 1\r\nx-Odd: 2\r\nb: 3\r\n";
    const block = blockOf(lines);
    assert.equal(block.toLines(), lines);
    assert.deepEqual(pairsOf(block), ["B=1", "x-Odd=2", "b=3"]);
  });

  it("finds values by lower-case name, known or not, arrived or added, in order", () => {
    const block = blockOf("Accept: a\r\nX-Foo: 1\r\nACCEPT: b\r\nx-foo: 2\r\n");
    block.add(fieldOf("Accept", "c"));
    block.add(fieldOf("X-FOO", "3"));
    assert.equal(block.get("accept"), "a,b,c");
    assert.equal(block.get("x-foo"), "1,2,3");
    assert.deepEqual(block.valuesOf("x-foo"), ["1", "2", "3"]);
    assert.equal(block.get("x-fo"), undefined);
    assert.deepEqual(block.valuesOf("x-fo"), []);
    assert.equal(block.indexOf(HEADER.accept), 0);
    assert.equal(block.indexOf(HEADER.date), -1);
  });

  it("drops a family of names, in any case, and nothing that only looks like it", () => {
    const block = blockOf(
      "X-Envoy-A: 1\r\nx-envoy-b: 2\r\nx-envo: 3\r\nx-envoyage: 4\r\nY-Envoy-A: 5\r\nX\u007eEnvoy-A: 6\r\n" +
        "X-Envoy-Internal: 7\r\nX-Envoy-Attempt-Count: 8\r\naccept: 9\r\n",
    );
    const kept = new Set(["x-envoy-b", "x-envoy-attempt-count"]);
    block.dropFamily(new NameFamily("x-envoy-", (name) => !kept.has(name)));
    assert.deepEqual(pairsOf(block), [
      ...["x-envoy-b=2", "x-envo=3", "x-envoyage=4", "Y-Envoy-A=5", "X~Envoy-A=6"],
      ...["X-Envoy-Attempt-Count=8", "accept=9"],
    ]);
  });

  it("finds underscores in names, not in values", () => {
    const lines = "a-b: c_d\r\n_: 1\r\ne: _\r\nf_: 2\r\n_g: 3\r\nh: i\r\n";
    const block = blockOf(lines);
    assert.equal(block.hasUnderscoreName(), true);
    block.dropUnderscoreNames();
    assert.deepEqual(pairsOf(block), ["a-b=c_d", "e=_", "h=i"]);
    assert.equal(block.hasUnderscoreName(), false);
    assert.equal(blockOf("a: _\r\nb: c_d_\r\n").hasUnderscoreName(), false);
  });

  it("tells an empty value from none", () => {
    const block = blockOf("X-Empty:\r\n");
    assert.equal(block.get("x-empty"), "");
    block.add(fieldOf("X-Added", ""));
    assert.equal(block.get("x-added"), "");
  });

  it("finds and removes names whose numbers differ by 32, and names without one", () => {
    const far = Object.entries(HEADER).find(([, id]) => id === HEADER.host + 32)![0];
    const block = blockOf("host: a\r\nx-none: b\r\n");
    assert.equal(block.indexOf(HEADER.host), 0);
    assert.equal(block.indexOf(HEADER.host + 32), -1);
    block.remove(new HeaderName(far));
    assert.equal(block.toLines(), "host: a\r\nx-none: b\r\n");
    block.remove(new HeaderName("x-none"));
    assert.equal(block.toLines(), "host: a\r\n");
    const other = blockOf(`${far}: c\r\n`);
    assert.equal(other.indexOf(HEADER.host), -1);
    assert.equal(other.indexOf(HEADER.host + 32), 0);
  });

  it("removes arrived and added fields, each one of the name", () => {
    const block = blockOf("A: 1\r\nX: 2\r\nA: 3\r\n");
    for (const value of ["4", "5"]) block.add(fieldOf("a", value));
    block.add(fieldOf("y", "6"));
    block.add(fieldOf("A", "7"));
    block.remove(new HeaderName("a"));
    assert.equal(block.get("a"), undefined);
    assert.equal(block.toLines(), "X: 2\r\ny: 6\r\n");
    block.remove(new HeaderName("y"));
    block.remove(new HeaderName("never-there"));
    assert.equal(block.toLines(), "X: 2\r\n");
  });

  it("replaces all fields of a name by one, again and again", () => {
    const block = blockOf("A: 1\r\nX: 2\r\na: 3\r\n");
    block.set(fieldOf("A", "4"));
    block.set(fieldOf("a", "5"));
    assert.deepEqual(block.valuesOf("a"), ["5"]);
    assert.equal(block.toLines(), "X: 2\r\na: 5\r\n");
    block.set(fieldOf("New", "6"));
    assert.equal(block.get("new"), "6");
  });

  it("forgets added fields with their message", () => {
    const block = blockOf("A: 1\r\n");
    block.add(fieldOf("b", "2"));
    block.add(fieldOf("c", "3"));
    block.clear();
    assert.deepEqual([block.toLines(), block.get("b"), block.count], ["", undefined, 0]);
    block.add(fieldOf("d", "4"));
    assert.equal(block.get("c"), undefined);
    assert.equal(block.toLines(), "d: 4\r\n");
    block.remove(new HeaderName("d"));
    assert.equal(block.toLines(), "");
  });

  it("writes every combination of kept, dropped and untidy fields as name: value lines", () => {
    const count = 5;
    for (let kinds = 0; kinds < 3 ** count; kinds++) {
      const kindOf = (index: number) => Math.floor(kinds / 3 ** index) % 3;
      const indexes = Array.from({ length: count }, (_, index) => index);
      const lines = indexes.map((i) => (kindOf(i) === 2 ? `N${i}:v${i} \r\n` : `N${i}: v${i}\r\n`));
      const block = blockOf(lines.join(""));
      for (const i of indexes) if (kindOf(i) === 1) block.drop(i);
      const kept = indexes.filter((i) => kindOf(i) !== 1);
      assert.equal(block.toLines(), kept.map((i) => `N${i}: v${i}\r\n`).join(""));
      assert.deepEqual(
        pairsOf(block),
        kept.map((i) => `N${i}=v${i}`),
      );
    }
  });

  it("tells values, tidy lines and where they end without making strings", () => {
    const block = blockOf("Host: a.b\r\nX:  c\r\nY: \r\n");
    assert.ok(block.isValue(0, "a.b") && block.isValue(1, "c") && block.isValue(2, ""));
    assert.ok(!block.isValue(0, "a.c") && !block.isValue(0, "a.") && !block.isValue(0, "a.bc"));
    assert.deepEqual([block.isTidy(0), block.isTidy(1), block.isTidy(2)], [true, false, true]);
    assert.equal(block.endOf(0), "Host: a.b\r\n".length);
    block.drop(0);
    assert.equal(block.isTidy(0), false);
  });

  it("does not find dropped fields", () => {
    const block = blockOf("Date: 1\r\nDate: 2\r\nX: 3\r\n");
    block.drop(0);
    assert.equal(block.indexOf(HEADER.date), 1);
    assert.equal(block.get("date"), "2");
    block.drop(2);
    assert.equal(block.get("x"), undefined);
    assert.equal(block.isKept(2), false);
  });

  it("holds obs-text as it came", () => {
    const block = blockOf("X: \xe9\xff\r\n");
    assert.equal(block.get("x"), "\xe9\xff");
    assert.equal(block.toLines(), "X: \xe9\xff\r\n");
  });

  it("gives an encoder the kept fields, with which of them came never indexed", () => {
    const block = blockOf("Host: a\r\nX:  b \r\nY: c\r\n");
    block.push(0, 0, 4, 6, 7);
    block.markNeverIndexed();
    block.add(fieldOf("cookie", "d"));
    block.add(fieldOf("Z", "e"));
    block.drop(2);
    assert.ok(block.isNeverIndexed(3) && block.isTidy(3) && !block.isNeverIndexed(0));
    const seen: string[] = [];
    let text = "";
    const writer: FieldWriter = {
      setText(all) {
        text = all;
      },
      addSpan(id, nameStart, nameEnd, valueStart, valueEnd, isNeverIndexed) {
        const name = text.slice(nameStart, nameEnd);
        seen.push(`${id} ${name}=${text.slice(valueStart, valueEnd)} ${isNeverIndexed}`);
      },
      addField(field) {
        seen.push(`${field.name.text}=${field.value}`);
      },
    };
    block.writeTo(writer, 1 << HEADER.cookie);
    assert.deepEqual(seen, [`${HEADER.host} Host=a false`, "0 X=b false", "0 Host=a true", "Z=e"]);
    assert.equal(block.fieldCountMax, 6);
    assert.ok(block.textLengthMax >= "HostaXbYccookiedZe".length);
    block.clear();
    block.push(0, 0, 4, 6, 7);
    assert.equal(block.isNeverIndexed(0), false);
  });

  it("copies never indexed lines with the others", () => {
    const block = blockOf("A: 1\r\n");
    const text = "A: 1\r\nB: 2\r\nC: 3\r\n";
    block.text = text;
    block.push(0, 6, 7, 9, 10);
    block.markNeverIndexed();
    block.push(0, 12, 13, 15, 16);
    assert.equal(block.toLines(), text);
    block.drop(0);
    assert.equal(block.toLines(), "B: 2\r\nC: 3\r\n");
  });

  it("leaves the others of its room alone, however many fields they get, message after message", () => {
    const step = fc.record({
      which: fc.nat({ max: 2 }),
      what: fc.constantFrom("push", "add", "set", "clear"),
      times: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const blocks = [
          new HeaderBlock(nextRoom()),
          new HeaderBlock(),
          new HeaderBlock(nextRoom()),
        ];
        const models = blocks.map(() => ({ lines: "", added: "" }));
        let number = 0;
        for (const { which, what, times } of steps) {
          const block = blocks[which]!;
          const model = models[which]!;
          if (what === "clear") {
            block.clear();
            model.lines = "";
            model.added = "";
          }
          for (let i = 0; i < times && what !== "clear"; i++) {
            number += 1;
            const line = `x-${number}: ${number}\r\n`;
            if (what === "push") {
              const at = model.lines.length;
              const colon = at + line.indexOf(":");
              model.lines += line;
              block.text = model.lines;
              block.push(0, at, colon, colon + 2, model.lines.length - 2);
            } else {
              model.added += line;
              block[what](fieldOf(`x-${number}`, String(number)));
            }
          }
        }
        for (const [i, block] of blocks.entries()) {
          assert.equal(block.toLines(), models[i]!.lines + models[i]!.added);
        }
      }),
    );
  });
});
