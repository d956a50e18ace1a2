import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import { SendWindow } from "./flow-window.ts";
import { UINT31_MAX } from "./frame.ts";

describe("a send window", () => {
  test("begins at 65,535 and counts what is sent and credited", () => {
    const window = new SendWindow();
    assert.equal(window.bytes, 65_535);
    window.consume(65_535);
    assert.equal(window.bytes, 0);
    assert.ok(window.credit(10));
    assert.equal(window.bytes, 10);
  });

  test("may reach 2^31-1 and not pass it", () => {
    const window = new SendWindow();
    assert.ok(window.credit(UINT31_MAX - 65_535));
    assert.equal(window.bytes, UINT31_MAX);
    assert.ok(!window.credit(1));
    assert.ok(!window.shift(1));
    assert.ok(!window.credit(UINT31_MAX));
    assert.equal(window.bytes, UINT31_MAX);
  });

  test("goes negative when the initial size shrinks, as in RFC 9113 section 6.9.2", () => {
    const window = new SendWindow();
    window.consume(60 * 1024);
    assert.ok(window.shift(16 * 1024 - 65_535));
    assert.equal(window.bytes, -44 * 1024);
    assert.ok(window.credit(44 * 1024));
    assert.equal(window.bytes, 0);
    assert.ok(window.shift(65_535 - 16 * 1024));
    assert.equal(window.bytes, 65_535 - 16 * 1024);
  });

  test("agrees with exact integers over any sequence of data, credit and settings", () => {
    const increment = fc.integer({ min: 1, max: UINT31_MAX });
    const small = fc.integer({ min: 1, max: 100_000 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("send"), count: small }),
      fc.record({ kind: fc.constant("credit"), count: fc.oneof(increment, small) }),
      fc.record({ kind: fc.constant("settings"), count: fc.oneof(fc.nat(UINT31_MAX), fc.nat(99)) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (script) => {
        const window = new SendWindow();
        let [initial, exact] = [65_535n, 65_535n];
        for (const { kind, count } of script) {
          if (kind === "send") {
            const sent = Math.max(0, Math.min(count, window.bytes));
            window.consume(sent);
            exact -= BigInt(sent);
            continue;
          }
          const difference = BigInt(count) - (kind === "settings" ? initial : 0n);
          const fits = exact + difference <= BigInt(UINT31_MAX);
          assert.equal(change(window, kind, Number(difference)), fits);
          if (!fits) break;
          exact += difference;
          if (kind === "settings") initial = BigInt(count);
          assert.equal(BigInt(window.bytes), exact);
        }
      }),
    );
  });
});

function change(window: SendWindow, kind: string, difference: number): boolean {
  return kind === "settings" ? window.shift(difference) : window.credit(difference);
}
