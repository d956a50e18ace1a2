import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededPrng } from "../../core/prng.ts";
import {
  parseLoopbackBlock,
  serviceAddress as translatedAddress,
} from "../../translate/loopback-block.ts";
import { candidateBlocks, inboundPort, LoopbackBlock } from "./loopback-block.ts";

test("lays a block out as the contract between starter, sidecar and control plane says", () => {
  const block = new LoopbackBlock(37 * 4 + 1);
  assert.equal(block.cidr, "127.37.64.0/18");
  assert.equal(block.address, "127.37.64.1");
  assert.equal(block.serviceAddress(0), "127.37.65.0");
  assert.equal(block.serviceAddress(300), "127.37.66.44");
  assert.deepEqual([0, 1, 2].map(inboundPort), [15006, 15106, 15107]);
});

test("agrees with the addresses that the control plane translates to", () => {
  for (const block of candidateBlocks(new SeededPrng(1))) {
    const base = parseLoopbackBlock(block.cidr);
    assert.ok(base !== undefined, block.cidr);
    for (const index of [0, 1, 255, 256, 16_127]) {
      assert.equal(translatedAddress(base, index), block.serviceAddress(index));
    }
  }
});

test("offers every usable block once, and never the ones that hold 127.0.0.1 and the broadcast address", () => {
  const blocks = [...candidateBlocks(new SeededPrng(7))].map((block) => block.cidr);
  assert.equal(new Set(blocks).size, 1022);
  assert.ok(!blocks.includes("127.0.0.0/18"));
  assert.ok(!blocks.includes("127.255.192.0/18"));
});
