/** One name query from bytes to bytes: known, unknown within the zone, and passed over to others, as the table grows. */
import { bench, do_not_optimize, group } from "mitata";
import { emptyAnswer, writeAnswer } from "../../src/proxy/dns/answer.ts";
import { NameTable } from "../../src/proxy/dns/name-table.ts";
import { readQuery } from "../../src/proxy/dns/query.ts";
import { encodeName } from "../../src/proxy/dns/wire.ts";

const ZONE = "svc.tulle.local";
const UDP_BYTES = 1232;

function tableOf(count: number): NameTable {
  const domains = Array.from({ length: count }, (_, index) => ({
    kind: "addresses" as const,
    name: `service-${index}.default.${ZONE}`,
    ttlSeconds: 30,
    addresses: [Uint8Array.of(127, 1, index >> 8, index & 0xff)],
  }));
  return new NameTable({ domains, zones: [ZONE] });
}

function queryFor(name: string): Buffer {
  const head = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
  const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
  return Buffer.from([...head, ...(encodeName(name) ?? []), 0, 1, 0, 1, ...opt]);
}

function respond(table: NameTable, request: Buffer): Uint8Array | undefined {
  const read = readQuery(request);
  if (read.kind !== "query") throw new Error(read.kind);
  const answer = table.lookUp(read.query.name, read.query.type) ?? emptyAnswer(0);
  return writeAnswer(request, read.query, answer, UDP_BYTES);
}

for (const count of [10, 1_000]) {
  const table = tableOf(count);
  group(`a query among ${count} names`, () => {
    for (const [title, name] of [
      ["known", `service-7.default.${ZONE}`],
      ["no such name", `service-x.default.${ZONE}`],
      ["others' business", "www.example.com"],
    ] as const) {
      const request = queryFor(name);
      bench(title, () => do_not_optimize(respond(table, request)));
    }
  });
}
