/**
 * The loopback addresses of one instance: a /18 of 127.0.0.0/8, all of which Linux lets anybody bind. The
 * first 256 addresses are the sidecar's own; above them lies one address for each Service of the mesh.
 */
import { assert } from "../../core/assert.ts";
import type { Prng } from "../../core/prng.ts";

const LOOPBACK_BASE = 127 * 2 ** 24;
const BLOCK_SIZE = 2 ** 14;
/** Block 0 holds 127.0.0.1, the last one the broadcast address: both are left alone. */
const BLOCK_FIRST = 1;
const BLOCK_LAST = 2 ** 10 - 2;
/** Where the addresses of Services begin within a block. */
const SERVICE_OFFSET = 256;

export const SIDECAR_ADMIN_PORT = 15_000;
const INBOUND_PORT_FIRST = 15_006;
/** Inbound listeners of the second and later ports: clear of the ports that Envoy's conventions name. */
const INBOUND_PORT_MORE = 15_105;

export class LoopbackBlock {
  readonly #base: number;

  /** `index` counts /18 blocks from 127.0.0.0. */
  constructor(index: number) {
    assert(index >= BLOCK_FIRST && index <= BLOCK_LAST, `loopback block ${index} is usable`);
    this.#base = LOOPBACK_BASE + index * BLOCK_SIZE;
  }

  /** `127.37.64.0/18` */
  get cidr(): string {
    return `${format(this.#base)}/18`;
  }

  /** Where peers reach the instance, and its sidecar's admin server. Binding its admin port claims the block. */
  get address(): string {
    return format(this.#base + 1);
  }

  /** Where the starter listens for as long as it holds the block. */
  get starterAddress(): string {
    return format(this.#base + 2);
  }

  /** Where the instance's outbound listeners for the Service of this index are. */
  serviceAddress(serviceIndex: number): string {
    assert(
      serviceIndex >= 0 && serviceIndex < BLOCK_SIZE - SERVICE_OFFSET,
      `service index ${serviceIndex} fits into a block`,
    );
    return format(this.#base + SERVICE_OFFSET + serviceIndex);
  }
}

/** The inbound listener's port for the app's n-th port, counted from 0. */
export function inboundPort(index: number): number {
  return index === 0 ? INBOUND_PORT_FIRST : INBOUND_PORT_MORE + index;
}

/** Every usable block once, from a random one onwards, so that instances rarely try the same. */
export function* candidateBlocks(prng: Prng): Generator<LoopbackBlock> {
  const count = BLOCK_LAST - BLOCK_FIRST + 1;
  const start = Math.floor(prng.next() * count);
  for (let step = 0; step < count; step++) {
    yield new LoopbackBlock(BLOCK_FIRST + ((start + step) % count));
  }
}

function format(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
}
