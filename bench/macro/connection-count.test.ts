/** The reading of the kernel's list of connections. */
import assert from "node:assert/strict";
import test from "node:test";
import { countConnections } from "./connection-count.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:4E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 0100007F:4E20 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   2: 0100007F:C350 0100007F:4E20 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0
   3: 0100007F:4E20 0100007F:C352 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0
`;

test("only established connections that were accepted on the port count", () => {
  assert.equal(countConnections(TABLE, 20_000), 1);
  assert.equal(countConnections(TABLE, 20_001), 0);
});
