/** Which names are known, which are known not to exist, and which are others' business. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NameTable } from "./name-table.ts";
import { TYPE_A, TYPE_AAAA, TYPE_SRV } from "./wire.ts";

const HOST = "catalog.default.svc.tulle.local";

function table() {
  return new NameTable({
    zones: ["svc.tulle.local"],
    domains: [
      addresses("catalog", [127, 1, 65, 0]),
      addresses(HOST, [127, 1, 65, 0]),
      addresses("*.example.com", [127, 1, 65, 1]),
      addresses("*.deep.example.com", [127, 1, 65, 2]),
      addresses("own.example.com", [127, 1, 65, 3]),
      {
        kind: "service",
        name: HOST,
        service: "http",
        protocol: "tcp",
        ttlSeconds: 30,
        targets: [target(1)],
      },
      {
        kind: "service",
        name: HOST,
        service: "admin",
        protocol: "tcp",
        ttlSeconds: 30,
        targets: [target(2)],
      },
    ],
  });
}

function addresses(name: string, address: number[]) {
  const bytes = [Uint8Array.from(address)];
  return { kind: "addresses", name, ttlSeconds: 30, addresses: bytes } as const;
}

function target(port: number) {
  return { host: HOST, port, priority: 0, weight: 1 };
}

function lastByte(names: NameTable, name: string): number | undefined {
  return names.lookUp(name, TYPE_A)?.records[0]?.data.at(-1);
}

test("names, and the longest wildcard that fits", () => {
  const names = table();
  assert.equal(lastByte(names, "catalog"), 0);
  assert.equal(lastByte(names, "a.example.com"), 1);
  assert.equal(lastByte(names, "a.b.example.com"), 1);
  assert.equal(lastByte(names, "a.deep.example.com"), 2);
  assert.equal(lastByte(names, "own.example.com"), 3);
  assert.equal(names.lookUp("example.com", TYPE_A), undefined);
  assert.equal(names.lookUp("other.test", TYPE_A), undefined);
});

test("a name without records of a type is told from one that there is not", () => {
  const names = table();
  const noData = names.lookUp("catalog", TYPE_AAAA);
  assert.equal(noData?.code, 0);
  assert.equal(noData?.records.length, 0);
  assert.equal(noData?.authority?.ttlSeconds, 5);
  assert.equal(names.lookUp("missing.default.svc.tulle.local", TYPE_A)?.code, 3);
  assert.equal(names.lookUp("x.catalog.default.svc.tulle.local", TYPE_A)?.code, 3);
  // They have names below them: RFC 8020.
  assert.equal(names.lookUp("default.svc.tulle.local", TYPE_A)?.code, 0);
  assert.equal(names.lookUp("_tcp.catalog.default.svc.tulle.local", TYPE_A)?.code, 0);
  assert.equal(names.lookUp("svc.tulle.local", TYPE_A)?.code, 0);
  assert.equal(names.lookUp("tulle.local", TYPE_A), undefined);
});

test("services by port, all of them by name, with the addresses of their targets", () => {
  const names = table();
  const http = names.lookUp(`_http._tcp.${HOST}`, TYPE_SRV);
  assert.equal(http?.records.length, 1);
  assert.equal(http?.additional.length, 1);
  assert.equal(names.lookUp(HOST, TYPE_SRV)?.records.length, 2);
  assert.equal(names.lookUp(`_other._tcp.${HOST}`, TYPE_SRV)?.code, 3);
});

test("several addresses take turns", () => {
  const many = [1, 2, 3].map((byte) => Uint8Array.of(127, 0, 0, byte));
  const names = new NameTable({
    zones: [],
    domains: [{ kind: "addresses", name: "db", ttlSeconds: 30, addresses: many }],
  });
  const firsts = [1, 2, 3].map(() => lastByte(names, "db")).sort();
  assert.deepEqual(firsts, [1, 2, 3]);
});
