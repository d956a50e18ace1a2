/** Whom the words of `tulle ca revoke` mean. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandInput } from "../command.ts";
import { targetOf } from "./revocation-target.ts";

interface Words {
  readonly id?: string;
  readonly serial?: string;
  readonly instance?: string;
}

function target(words: Words, namespace = "default") {
  const input: Pick<CommandInput, "optionalArgument" | "optionalString"> = {
    optionalArgument: () => words.id,
    optionalString: (name) => (name === "serial" ? words.serial : words.instance),
  };
  return targetOf(input as CommandInput, namespace);
}

const ID = "spiffe://mesh.test/ns/shop/sa/Orders_v1";

test("the same target has the same name, and others have others", () => {
  const { name, spec, text } = target({ id: ID });
  assert.match(name, /^id-orders-v1-[0-9a-f]{8}$/);
  assert.deepEqual(spec, { spiffeId: ID });
  assert.equal(text, ID);
  assert.equal(target({ id: ID.replace("spiffe", "SPIFFE") }).name, name);
  assert.notEqual(target({ id: ID.replace("shop", "other") }).name, name);

  assert.deepEqual(target({ serial: "F0:0D" }).spec, { serial: "00f00d" });
  assert.equal(target({ serial: "f00d" }).name, "serial-00f00d");
  const instance = target({ instance: "a" }, "shop");
  assert.deepEqual(instance.spec, { instance: { namespace: "shop", name: "a" } });
  assert.notEqual(target({ instance: "a" }, "other").name, instance.name);
});

test("exactly one target, in a form that there is", () => {
  const wrong: readonly (readonly [Words, RegExp])[] = [
    [{}, /give one of SPIFFE-ID, --serial and --instance/],
    [{ id: ID, serial: "01" }, /give one of/],
    [{ id: "orders" }, /orders is no SPIFFE id of a workload/],
    [{ id: "spiffe://mesh.test" }, /no SPIFFE id of a workload/],
    [{ serial: "no" }, /no is no serial number/],
  ];
  for (const [words, message] of wrong) assert.throws(() => target(words), message);
});
