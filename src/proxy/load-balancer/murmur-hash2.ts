/** MurmurHash2 of 64 bits, as libstdc++ hashes: the older of the two ways to place endpoints on a ring. For configuration time. */
import { Buffer } from "node:buffer";

const MULTIPLIER = 0xc6a4a7935bd1e995n;
const SEED = 0xc70f6907n;
const WORD = 8;

export function murmurHash2(text: string): bigint {
  const bytes = Buffer.from(text, "latin1");
  const size = BigInt(bytes.length);
  let hash = SEED ^ BigInt.asUintN(64, size * MULTIPLIER);
  const wholeEnd = bytes.length - (bytes.length % WORD);
  for (let at = 0; at < wholeEnd; at += WORD) {
    const word = BigInt.asUintN(64, bytes.readBigUInt64LE(at) * MULTIPLIER);
    hash = mixIn(hash, BigInt.asUintN(64, shiftMix(word) * MULTIPLIER));
  }
  if (wholeEnd < bytes.length) {
    let rest = 0n;
    for (let at = bytes.length - 1; at >= wholeEnd; at--) rest = (rest << 8n) | BigInt(bytes[at]!);
    hash = mixIn(hash, rest);
  }
  return shiftMix(BigInt.asUintN(64, shiftMix(hash) * MULTIPLIER));
}

function mixIn(hash: bigint, data: bigint): bigint {
  return BigInt.asUintN(64, (hash ^ data) * MULTIPLIER);
}

function shiftMix(value: bigint): bigint {
  return value ^ (value >> 47n);
}
