import assert from "node:assert/strict";
import { test } from "node:test";
import {
  advertisedAddress,
  type MachineAddress,
  parseAdvertisedHost,
} from "./advertised-address.ts";

const address = (text: string, internal = false): MachineAddress => ({
  ...{ address: text, internal },
  family: text.includes(":") ? "IPv6" : "IPv4",
});
const MACHINE = [
  address("127.0.0.1", true),
  address("fe80::1"),
  address("fd00::5"),
  address("10.0.0.5"),
];
const at = (host: string) => ({ host, port: 15_012 });

test("who listens on one address tells it, who listens on all tells one that others reach", () => {
  assert.equal(advertisedAddress(at("127.0.0.1"), undefined, MACHINE), "127.0.0.1:15012");
  assert.equal(advertisedAddress(at("::1"), undefined, MACHINE), "[::1]:15012");
  assert.equal(advertisedAddress(at("0.0.0.0"), undefined, MACHINE), "10.0.0.5:15012");
  assert.equal(advertisedAddress(at("::"), undefined, MACHINE.slice(0, 3)), "[fd00::5]:15012");
  assert.equal(advertisedAddress(at("0.0.0.0"), undefined, MACHINE.slice(0, 1)), "127.0.0.1:15012");
});

test("what is said goes before, with its own port or the one that is listened on", () => {
  const told = (text: string) =>
    advertisedAddress(at("0.0.0.0"), parseAdvertisedHost(text, "--o"), MACHINE);
  assert.equal(told("mesh.example"), "mesh.example:15012");
  assert.equal(told("192.0.2.7:443"), "192.0.2.7:443");
  assert.equal(told("[fd00::9]"), "[fd00::9]:15012");
  for (const text of ["", "a b", "mesh:0", "mesh:99999", "http://mesh", "fd00::9"]) {
    assert.throws(() => parseAdvertisedHost(text, "--o"), /^.*--o: .* is no address: write HOST/);
  }
});
