import assert from "node:assert/strict";
import { test } from "node:test";
import { createStyle } from "../output/style.ts";
import {
  bytesText,
  coresText,
  hasNamespaces,
  healthCell,
  latencyText,
  rateText,
  serviceText,
  shareText,
  successCell,
} from "./figures.ts";

const STYLE = createStyle(false);

test("what is not known is a dash", () => {
  for (const text of [rateText, latencyText, shareText, bytesText, coresText]) {
    assert.equal(text(null), "-");
  }
});

test("figures have as many digits as people read", () => {
  assert.deepEqual([0, 0.04, 3.14, 9.94, 9.96, 1234.5].map(rateText), [
    "0/s",
    "0.0/s",
    "3.1/s",
    "9.9/s",
    "10/s",
    "1235/s",
  ]);
  assert.deepEqual([0.42, 9.94, 340.4, 9999, 12_340].map(latencyText), [
    "0.4ms",
    "9.9ms",
    "340ms",
    "9999ms",
    "12.3s",
  ]);
  assert.deepEqual([999, 1000, 12_345, 3_200_000_000].map(bytesText), [
    "999B",
    "1.0kB",
    "12kB",
    "3.2GB",
  ]);
  assert.equal(coresText(0.0124), "12m");
});

test("only all is 100 %, and only nothing is 0 %", () => {
  assert.deepEqual([1, 0.999_999, 0.5, 0.000_001, 0].map(shareText), [
    "100%",
    "99.99%",
    "50.0%",
    "0.01%",
    "0%",
  ]);
});

test("success is told in colour from Kiali's limits on", () => {
  const traffic = (errorRate: number | null) =>
    ({ errorRate }) as unknown as Parameters<typeof successCell>[0];
  const cellOf = (errorRate: number | null) => successCell(traffic(errorRate), STYLE);
  assert.equal(cellOf(null), "-");
  assert.equal(cellOf(0), "100%");
  assert.equal(cellOf(0.0009), "99.91%");
  assert.deepEqual(cellOf(0.001), { text: "99.90%", paint: STYLE.yellow });
  assert.deepEqual(cellOf(0.1), { text: "90.0%", paint: STYLE.red });
});

test("health has a mark of its own for each state", () => {
  const states = ["healthy", "degraded", "failing", "idle", "unknown"] as const;
  const marks = states.map((state) => {
    const cell = healthCell(state, STYLE);
    return typeof cell === "string" ? cell : cell.text.slice(0, 1);
  });
  assert.equal(new Set(marks).size, states.length);
});

test("namespaces are told where there are several", () => {
  const cart = { namespace: "shop", name: "cart" };
  const outside = { namespace: "unknown", name: "unknown" };
  assert.equal(hasNamespaces([cart, outside]), false);
  assert.equal(hasNamespaces([cart, { namespace: "pay", name: "cart" }]), true);
  assert.equal(serviceText(cart, true), "shop/cart");
  assert.equal(serviceText(cart, false), "cart");
});
