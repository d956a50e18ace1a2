import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "../core/errors.ts";
import { bindOrFallBack, formatAddress, parseListenAddress } from "./listen-address.ts";

const WHAT = { name: "the admin API", option: "--admin-address" };

function inUse(): Error {
  return Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE" });
}

test("addresses are IP and port, with the loopback as default", () => {
  assert.deepEqual(parseListenAddress("127.0.0.1:7700", "--x"), {
    host: "127.0.0.1",
    port: 7700,
    isFallbackAllowed: false,
  });
  assert.equal(parseListenAddress(":0", "--x").host, "127.0.0.1");
  assert.equal(parseListenAddress("localhost:1", "--x").host, "127.0.0.1");
  assert.equal(parseListenAddress("[::1]:7700", "--x").host, "::1");
  assert.equal(formatAddress("::1", 7700), "[::1]:7700");
  for (const bad of ["7700", "a.example:1", "127.0.0.1:99999", "127.0.0.1:", "::1:7700"]) {
    assert.throws(
      () => parseListenAddress(bad, "--x"),
      (error) => hasCode(error, "option-invalid") && error.message.includes("--x"),
      bad,
    );
  }
});

test("a taken default falls back to a free port", async () => {
  const tried: number[] = [];
  const port = await bindOrFallBack(
    { host: "127.0.0.1", port: 7700, isFallbackAllowed: true },
    WHAT,
    (_host, wanted) => {
      tried.push(wanted);
      return wanted === 0 ? Promise.resolve(4242) : Promise.reject(inUse());
    },
  );
  assert.equal(port, 4242);
  assert.deepEqual(tried, [7700, 0]);
});

test("a taken address that was asked for is an error that says what to do", async () => {
  await assert.rejects(
    bindOrFallBack({ host: "127.0.0.1", port: 7700, isFallbackAllowed: false }, WHAT, () =>
      Promise.reject(inUse()),
    ),
    (error) =>
      hasCode(error, "address-unusable") &&
      /admin API.*127\.0\.0\.1:7700.*another process.*--admin-address/.test(error.message),
  );
});
