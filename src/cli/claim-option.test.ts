/** Claims on the command line: what is inside another, what has dots in its name, what is a list, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { claimsOf } from "./claim-option.ts";

const claims = (...texts: readonly string[]): unknown => {
  const found = claimsOf(texts);
  return found === undefined ? undefined : JSON.parse(JSON.stringify(found));
};

test("claims are named as routes name them", () => {
  assert.equal(claims(), undefined);
  assert.deepEqual(claims("sub=alice", "groups=[1,2]", "admin=true"), {
    ...{ sub: "alice", groups: [1, 2], admin: true },
  });
  assert.deepEqual(claims("address.city=Bonn", "address.zip=1a"), {
    address: { city: "Bonn", zip: "1a" },
  });
  assert.deepEqual(claims("[https://shop.example/plan][name]=a=b"), {
    "https://shop.example/plan": { name: "a=b" },
  });
  assert.deepEqual(claims("__proto__.admin=true"), JSON.parse('{"__proto__": {"admin": true}}'));
});

test("what is no claim is refused", () => {
  for (const text of ["alice", "=x", ".a=x", "a..b=x", "[a=x", "a[b]=x"]) {
    assert.throws(() => claimsOf([text]), /is no claim/, text);
  }
  assert.throws(() => claimsOf(["a=x", "a.b=y"]), /is inside a, which is a value already/);
  assert.throws(() => claimsOf(["a=[]", "a.b=y"]), /is inside a, which is a value already/);
});
