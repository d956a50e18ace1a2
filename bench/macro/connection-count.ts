/** Connections as the kernel lists them: whether requests were really multiplexed. Linux only. */
import { readFileSync } from "node:fs";

const ESTABLISHED = "01";

/** Established connections of this machine that were accepted on the port. */
export function connectionsTo(port: number): number {
  return countConnections(readFileSync("/proc/net/tcp", "latin1"), port);
}

/** The same from the text of `/proc/net/tcp`: local and remote address, then the state, in hexadecimal. */
export function countConnections(table: string, port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").filter((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    return local.endsWith(suffix) && state === ESTABLISHED;
  }).length;
}
