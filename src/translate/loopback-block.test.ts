import assert from "node:assert/strict";
import { test } from "node:test";
import { listenPortOf, parseLoopbackBlock, serviceAddress } from "./loopback-block.ts";

test("a block is an aligned /18 of 127/8", () => {
  assert.equal(parseLoopbackBlock("127.0.0.0/18"), 0x7f000000);
  assert.equal(parseLoopbackBlock("127.37.64.0/18"), 0x7f254000);
  assert.equal(parseLoopbackBlock("127.255.192.0/18"), 0x7fffc000);
  for (const wrong of [
    "",
    "10.0.0.0/18",
    "127.37.65.0/18",
    "127.37.64.1/18",
    "127.37.64.0/16",
    "127.256.0.0/18",
    "127.37.256.0/18",
    "::1/18",
  ]) {
    assert.equal(parseLoopbackBlock(wrong), undefined, wrong);
  }
});

test("a service's address lies behind the sidecar's own 256", () => {
  const base = 0x7f254000;
  assert.equal(serviceAddress(base, 0), "127.37.65.0");
  assert.equal(serviceAddress(base, 1), "127.37.65.1");
  assert.equal(serviceAddress(base, 256), "127.37.66.0");
  assert.equal(serviceAddress(base, 2 ** 14 - 257), "127.37.127.255");
  assert.equal(serviceAddress(base, 2 ** 14 - 256), undefined);
  assert.equal(serviceAddress(base, -1), undefined);
});

test("privileged ports move up by 20000, clear of the ports that fetch refuses", () => {
  assert.equal(listenPortOf(80), 20_080);
  assert.equal(listenPortOf(1023), 21_023);
  assert.equal(listenPortOf(1024), 1024);
  assert.equal(listenPortOf(8080), 8080);
});
