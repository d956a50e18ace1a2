import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { parsePortSpec, resolvePorts, tryListen } from "./port-spec.ts";

test("reads every form of a port", () => {
  const cases = [
    ["8080", { name: "http", range: { first: 8080, last: 8080 }, protocol: "http" }],
    ["auto", { name: "http", range: undefined, protocol: "http" }],
    ["8080-8089", { name: "http", range: { first: 8080, last: 8089 }, protocol: "http" }],
    ["grpc=9090", { name: "grpc", range: { first: 9090, last: 9090 }, protocol: "http" }],
    ["db=auto/tcp", { name: "db", range: undefined, protocol: "tcp" }],
    ["6379/tcp", { name: "tcp", range: { first: 6379, last: 6379 }, protocol: "tcp" }],
  ] as const;
  for (const [text, spec] of cases) assert.deepEqual(parsePortSpec(text), { ok: true, spec }, text);
});

test("says what is wrong with a port", () => {
  const cases = [
    ["", /is not a port/],
    ["web", /is not a port/],
    ["0", /within 1 to 65535/],
    ["70000", /within 1 to 65535/],
    ["9-8", /within 1 to 65535/],
    ["80/udp", /"udp" is not a protocol/],
    ["Web=80", /"Web" is not a port name/],
    ["=80", /"" is not a port name/],
  ] as const;
  for (const [text, pattern] of cases) {
    const parsed = parsePortSpec(text);
    assert.ok(!parsed.ok && pattern.test(parsed.message), text);
  }
});

test("takes the first free port of a range, and names a fixed one that is in use", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  assert.equal(await tryListen(port), undefined);
  const taken = new Set<number>([port + 1]);
  const spec = { name: "http", range: { first: port, last: port }, protocol: "http" } as const;
  await assert.rejects(resolvePorts([spec], taken), { message: `port ${port} is in use` });
  const last = Math.min(port + 50, 65_535);
  const [found] = await resolvePorts([{ ...spec, range: { first: port, last } }], taken);
  assert.ok(found !== undefined && found.port > port + 1 && found.port <= last);
  const [any] = await resolvePorts([{ ...spec, range: undefined }], taken);
  assert.ok(any !== undefined && taken.has(any.port));
  server.close();
});
