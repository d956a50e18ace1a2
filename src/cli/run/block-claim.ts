/**
 * Claims a free block of loopback addresses for one instance. The starter holds a listener of its own in the
 * block for as long as the instance lives, so that two starters never choose the same one; the sidecar's
 * admin port is asked too, for sidecars that somebody started by hand.
 */
import { createServer, type Server } from "node:net";
import type { Prng } from "../../core/prng.ts";
import { failedError } from "../errors.ts";
import { candidateBlocks, type LoopbackBlock, SIDECAR_ADMIN_PORT } from "./loopback-block.ts";
import { tryListen } from "./port-spec.ts";

export interface BlockClaim {
  readonly block: LoopbackBlock;
  release(): void;
}

/** Throws `CLI_FAILED` when all thousand blocks are taken. */
export async function claimBlock(prng: Prng): Promise<BlockClaim> {
  for (const block of candidateBlocks(prng)) {
    const server = await listenOn(block.starterAddress);
    if (server === undefined) continue;
    const isFree = (await tryListen(SIDECAR_ADMIN_PORT, block.address)) !== undefined;
    if (isFree) return { block, release: () => server.close() };
    server.close();
  }
  throw failedError(
    "no block of loopback addresses is free",
    "each instance on this machine needs one of about a thousand; see docs/guides/run.md",
  );
}

function listenOn(host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(undefined));
    server.listen({ port: SIDECAR_ADMIN_PORT, host, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}
