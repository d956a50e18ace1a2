/** Bundles as documents: what is read, what is passed over, and what is refused whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { signingKey } from "../../../test/support/signed-tokens.ts";
import { systemClock } from "../../core/clock.ts";
import { createTestAuthority } from "../../identity/certificate-fixtures.ts";
import {
  formatBundleDocument,
  formatBundleMap,
  formatKeySet,
  parseBundleDocument,
  parseBundleMap,
  type SpiffeBundle,
} from "./bundle-document.ts";

const DOMAIN = "mesh.test";
const { authority } = createTestAuthority(DOMAIN, systemClock);
const root = authority.certificate.der;
const { use: _, ...jwk } = signingKey("ES256", "a").jwk as Record<string, string>;
const ROOT = { use: "x509-svid", kty: "EC", x5c: [root.toString("base64")] };
const KEY: Readonly<Record<string, unknown>> = { use: "jwt-svid", ...jwk };

function read(document: unknown): SpiffeBundle {
  const bundle = parseBundleDocument(
    typeof document === "string" ? document : JSON.stringify(document),
    DOMAIN,
  );
  assert.ok(bundle.kind === "bundle", "it was refused");
  return bundle;
}

function errorOf(text: string): string {
  const bundle = parseBundleDocument(text, DOMAIN);
  assert.ok(bundle.kind === "error", text);
  return bundle.message;
}

test("a document written is the same when read", () => {
  const text = formatBundleDocument({
    rootsDer: [root],
    jwtKeys: [jwk],
    sequence: 2n ** 63n + 1n,
    refreshHintS: 300,
  });
  const bundle = read(text);
  assert.deepEqual(
    bundle.x509.roots.map(({ der }) => der),
    [root],
  );
  assert.deepEqual(
    bundle.jwtKeys.map((key) => key.jwk),
    [jwk],
  );
  assert.equal(bundle.sequence, 2n ** 63n + 1n);
  assert.equal(bundle.refreshHintS, 300);
  assert.deepEqual(bundle.problems, []);
});

test("a root has one certificate that counts, and no kid", () => {
  const other = createTestAuthority(DOMAIN, systemClock).authority.certificate.der;
  const several = read({ keys: [{ ...ROOT, x5c: [ROOT.x5c[0], other.toString("base64")] }] });
  assert.deepEqual(
    several.x509.roots.map(({ der }) => der),
    [root],
  );
  for (const [entry, problem] of [
    [{ ...ROOT, kid: "a" }, /no kid/],
    [{ ...ROOT, x5c: [] }, /no certificate in base64/],
    [{ ...ROOT, x5c: [root.toString("base64url")] }, /no certificate in base64|cannot be read/],
    [{ ...ROOT, x5c: ["AAAA"] }, /cannot be read/],
  ] as const) {
    const { x509, problems } = read({ keys: [entry] });
    assert.deepEqual(x509.roots, []);
    assert.match(problems.join(), problem);
  }
});

test("a key for tokens has a kid", () => {
  const { kid: _kid, ...nameless } = KEY;
  assert.match(read({ keys: [nameless] }).problems.join(), /no kid/);
  assert.equal(read({ keys: [KEY] }).jwtKeys[0]?.key.keyId, "a");
});

test("entries for others are passed over without a word", () => {
  const { use: _use, ...unused } = KEY;
  const others = [{ ...KEY, use: "wit-svid" }, unused, { ...KEY, kty: "OKP", crv: "Ed448" }];
  assert.deepEqual(read({ keys: others }), {
    ...{ kind: "bundle", x509: { trustDomain: DOMAIN, roots: [] }, jwtKeys: [] },
    ...{ sequence: undefined, refreshHintS: undefined, problems: [] },
  });
});

test("an empty set is a bundle that trusts nothing", () => {
  const { x509, jwtKeys } = read({ keys: [] });
  assert.deepEqual([x509.roots, jwtKeys], [[], []]);
});

test("what is no bundle is refused whole", () => {
  for (const [text, message] of [
    ["", /no JSON object/],
    ["[]", /no JSON object/],
    ['{"keys":[],"keys":[]}', /twice/],
    ["{}", /no list "keys"/],
    ['{"keys":null}', /no list "keys"/],
    ['{"keys":[],"spiffe_sequence":-1}', /spiffe_sequence/],
    ['{"keys":[],"spiffe_sequence":1.5}', /spiffe_sequence/],
    ['{"keys":[],"spiffe_sequence":"1"}', /spiffe_sequence/],
    ['{"keys":[],"spiffe_sequence":18446744073709551616}', /spiffe_sequence/],
    ['{"keys":[],"spiffe_refresh_hint":-1}', /spiffe_refresh_hint/],
    [`{"keys":[${"{},".repeat(200)}{}]}`, /201 keys/],
    [`{"keys":[],"a":"${"a".repeat(256 * 1024)}"}`, /bytes/],
  ] as const) {
    assert.match(errorOf(text), message);
  }
});

test("a sequence is read to the last bit, and not from anywhere else", () => {
  assert.equal(read('{"keys":[],"spiffe_sequence":18446744073709551615}').sequence, 2n ** 64n - 1n);
  const nested = read('{"spiffe_sequence":7,"keys":[{"spiffe_sequence":9}]}');
  assert.equal(nested.sequence, 7n);
});

test("the map of several domains refuses one that stands twice", () => {
  const contents = { rootsDer: [root], jwtKeys: [jwk] };
  const text = formatBundleMap(
    new Map([
      ["b.test", contents],
      [DOMAIN, contents],
    ]),
  );
  const map = parseBundleMap(text);
  assert.ok(map instanceof Map);
  assert.deepEqual([...map.keys()], ["b.test", DOMAIN]);
  const twice = parseBundleMap('{"trust_domains":{"a":{"keys":[]},"a":{"keys":[]}}}');
  assert.ok("kind" in twice && /twice/.test(twice.message));
});

test("keys for readers of plain key sets have no use", () => {
  assert.deepEqual(JSON.parse(formatKeySet(read({ keys: [KEY] }).jwtKeys)), { keys: [jwk] });
});
