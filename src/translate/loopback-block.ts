/**
 * Where a sidecar's outbound listeners sit when traffic is captured without privileges: each sidecar owns
 * a /18 block of 127.0.0.0/8, and each Service one address in it.
 *
 * ```
 *   base          base+1                base+256 … base+16383
 *   (unused)      the sidecar itself    one address per Service, by its index
 * ```
 */

/** Addresses of a /18. */
const BLOCK_SIZE = 2 ** 14;
/** The first addresses of a block belong to the sidecar itself. */
const SERVICE_OFFSET = 256;
/** Ports below this need a privilege to bind. */
const UNPRIVILEGED_PORT_MIN = 1024;
/**
 * What a low port is moved up by. Not by 10,000: 10080 is on the list of bad ports of the Fetch standard
 * (https://fetch.spec.whatwg.org/#port-blocking), so that no app could call port 80 with `fetch`.
 */
const LOW_PORT_SHIFT = 20_000;

const BLOCK_PATTERN = /^127\.(\d{1,3})\.(\d{1,3})\.0\/18$/;

/** A block's first address as a number, or undefined when `block` is not an aligned /18 of 127/8. */
export function parseLoopbackBlock(block: string): number | undefined {
  const parts = BLOCK_PATTERN.exec(block);
  const second = Number(parts?.[1] ?? Number.NaN);
  const third = Number(parts?.[2] ?? Number.NaN);
  if (!(second <= 255 && third <= 255) || third % 64 !== 0) return undefined;
  return 127 * 2 ** 24 + second * 2 ** 16 + third * 2 ** 8;
}

/** The address of the Service with this index, or undefined when the block has no room for it. */
export function serviceAddress(blockBase: number, serviceIndex: number): string | undefined {
  const offset = SERVICE_OFFSET + serviceIndex;
  return serviceIndex < 0 || offset >= BLOCK_SIZE ? undefined : format(blockBase + offset);
}

/** Where the sidecar itself is: its admin server and its name responder. */
export function sidecarAddress(blockBase: number): string {
  return format(blockBase + 1);
}

function format(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
}

/** The port that the outbound listener of a Service port binds. */
export function listenPortOf(servicePort: number): number {
  return servicePort >= UNPRIVILEGED_PORT_MIN ? servicePort : servicePort + LOW_PORT_SHIFT;
}
