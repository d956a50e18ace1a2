import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { parsePortSpec, resolvePorts, tryListen } from "./port-spec.ts";

test("reads every form of a port", () => {
  const cases = [
    ["8080", { name: "http", range: { first: 8080, last: 8080 }, protocol: "http" }],
    ["auto", { name: "http", range: undefined, protocol: "http" }],
    ["8080-8089", { name: "http", range: { first: 8080, last: 8089 }, protocol: "http" }],
    ["grpc=9090", { name: "grpc", range: { first: 9090, last: 9090 }, protocol: "grpc" }],
    ["http-admin=1", { name: "http-admin", range: { first: 1, last: 1 }, protocol: "http" }],
    ["admin=9901", { name: "admin", range: { first: 9901, last: 9901 }, protocol: "auto" }],
    ["admin=auto", { name: "admin", range: undefined, protocol: "auto" }],
    ["mail=25", { name: "mail", range: { first: 25, last: 25 }, protocol: "tcp" }],
    ["5432", { name: "tcp", range: { first: 5432, last: 5432 }, protocol: "tcp" }],
    ["5432/http", { name: "http", range: { first: 5432, last: 5432 }, protocol: "http" }],
    ["8080/auto", { name: "app", range: { first: 8080, last: 8080 }, protocol: "auto" }],
    ["8080/http2", { name: "http2", range: { first: 8080, last: 8080 }, protocol: "http2" }],
    ["tls=8443", { name: "tls", range: { first: 8443, last: 8443 }, protocol: "tls" }],
    ["db=auto/tcp", { name: "db", range: undefined, protocol: "tcp" }],
    ["6379/tcp", { name: "tcp", range: { first: 6379, last: 6379 }, protocol: "tcp" }],
  ] as const;
  for (const [text, spec] of cases) assert.deepEqual(parsePortSpec(text), { ok: true, spec }, text);
});

test("a protocol for all holds where a port does not say", () => {
  const parsed = [parsePortSpec("grpc=9090", "http"), parsePortSpec("a=80/tcp", "http")];
  assert.deepEqual(
    parsed.map((one) => one.ok && one.spec.protocol),
    ["http", "tcp"],
  );
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
