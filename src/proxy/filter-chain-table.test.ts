/** Filter chains are chosen by Envoy's order, without a way back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ANY_CONNECTION, type ChainMatch } from "./config/filter-chain-match.ts";
import { type ConnectionTraits, FilterChainTable } from "./filter-chain-table.ts";

function tableOf(...matches: readonly Partial<ChainMatch>[]) {
  const table = new FilterChainTable();
  for (const [index, match] of matches.entries()) {
    assert.equal(table.add({ ...ANY_CONNECTION, ...match }, index), undefined);
  }
  return (traits: Partial<ConnectionTraits>): number | undefined =>
    table.find({
      destinationPort: 443,
      serverName: "",
      transportProtocol: "raw_buffer",
      applicationProtocols: [],
      ...traits,
    });
}

test("an exact server name comes before its suffixes, the longest of them first", () => {
  const find = tableOf(
    { serverNames: ["*.example.com"] },
    { serverNames: ["a.b.example.com"] },
    { serverNames: ["*.b.example.com"] },
    { serverNames: ["*.com"] },
  );
  assert.equal(find({ serverName: "a.b.example.com" }), 1);
  assert.equal(find({ serverName: "c.b.example.com" }), 2);
  assert.equal(find({ serverName: "x.y.b.example.com" }), 2);
  assert.equal(find({ serverName: "b.example.com" }), 0);
  assert.equal(find({ serverName: "example.com" }), 3);
  assert.equal(find({ serverName: "com" }), undefined);
  assert.equal(find({ serverName: "example.org" }), undefined);
  assert.equal(find({}), undefined);
});

test("a chain without names takes what no name matches", () => {
  const find = tableOf({}, { serverNames: ["a.example"] });
  assert.equal(find({ serverName: "b.example" }), 0);
  assert.equal(find({ serverName: "a.example" }), 1);
  assert.equal(find({}), 0);
});

test("the destination port comes first of all", () => {
  const find = tableOf({ destinationPort: 443 }, { serverNames: ["a.example"] });
  assert.equal(find({ serverName: "a.example" }), 0);
  assert.equal(find({ serverName: "a.example", destinationPort: 80 }), 1);
});

test("a step that matched is not taken back", () => {
  const find = tableOf(
    { serverNames: ["a.example"], transportProtocol: "tls", applicationProtocols: ["h2"] },
    { serverNames: ["*.example"] },
    {},
  );
  const a = { serverName: "a.example", transportProtocol: "tls" } as const;
  assert.equal(find({ ...a, applicationProtocols: ["http/1.1", "h2"] }), 0);
  assert.equal(find({ ...a, applicationProtocols: ["http/1.1"] }), undefined);
  assert.equal(find({ serverName: "a.example" }), undefined);
  assert.equal(find({ serverName: "b.example" }), 1);
});

test("application protocols go by the client's order", () => {
  const find = tableOf(
    { applicationProtocols: ["http/1.1", "http/1.0"] },
    { applicationProtocols: ["h2"] },
    { transportProtocol: "tls" },
  );
  assert.equal(find({ applicationProtocols: ["h2", "http/1.1"] }), 1);
  assert.equal(find({ applicationProtocols: ["spdy", "http/1.0"] }), 0);
  assert.equal(find({ applicationProtocols: ["spdy"] }), undefined);
  // The transport protocol of a connection is looked for before its application protocol.
  assert.equal(find({ transportProtocol: "tls", applicationProtocols: ["h2"] }), 2);
});

test("the chain that has a place already is told", () => {
  const table = new FilterChainTable();
  assert.equal(table.add({ ...ANY_CONNECTION, serverNames: ["a", "b"] }, 0), undefined);
  assert.equal(table.add({ ...ANY_CONNECTION, serverNames: ["c", "b"] }, 1), 0);
});
