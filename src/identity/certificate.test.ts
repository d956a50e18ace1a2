/** The certificate corpus, part 3: syntax. What is not exactly DER is not read. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createTestLeaf, generateTestKey } from "./certificate-fixtures.ts";
import { alternativeNamesDer, extensionDer } from "./certificate-writer.ts";
import {
  bundles,
  ID,
  intermediate,
  leaf,
  NOW_MS,
  OTHER_ID,
  type Refused,
  root,
  testRefused,
} from "./corpus-fixtures.ts";
import {
  derContext,
  derElement,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
} from "./der-writer.ts";
import { OID } from "./oid.ts";
import { verifyPeer } from "./peer-verifier.ts";
import { formatPem } from "./pem.ts";

/** The byte that opens the certificate's outer sequence is made an indefinite length. */
function withIndefiniteLength(der: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x30, 0x80), der.subarray(4), Buffer.of(0, 0)]);
}

const refusedSyntax: readonly Refused[] = [
  ["no DER at all", "malformed", /cannot be read/, () => [Buffer.from("hello")]],
  ["nothing", "malformed", /ends early/, () => [Buffer.alloc(0)]],
  ["PEM", "malformed", /cannot be read/, () => [Buffer.from(formatPem("CERTIFICATE", leaf()))]],
  ["a cut end", "malformed", /longer than what holds it/, () => [leaf().subarray(0, -1)]],
  ["bytes after the end", "malformed", /left over/, () => [Buffer.concat([leaf(), Buffer.of(0)])]],
  ["an indefinite length", "malformed", /indefinite/, () => [withIndefiniteLength(leaf())]],
  [
    "a length that is not minimal",
    "malformed",
    /shortest form/,
    () => {
      const der = leaf();
      return [Buffer.concat([Buffer.of(0x30, 0x83, 0), der.subarray(2)])];
    },
  ],
  [
    "1 MB",
    "malformed",
    /more than 65536 bytes/,
    () => [
      leaf({
        moreExtensions: [extensionDer("1.2.3.4", false, derOctetString(Buffer.alloc(1_000_000)))],
      }),
    ],
  ],
  [
    "a negative serial number",
    "malformed",
    /negative serial/,
    () => [leaf({ serial: Buffer.of(2, 1, 0x80) })],
  ],
  [
    "a serial number of 21 bytes",
    "malformed",
    /20 bytes/,
    () => [leaf({ serial: derInteger(Buffer.alloc(21, 1)) })],
  ],
  [
    "a serial number with padding",
    "malformed",
    /shortest form/,
    () => [leaf({ serial: Buffer.of(2, 2, 0, 1) })],
  ],
  ["version 1", "malformed", /version 1/, () => [leaf({ version: Buffer.alloc(0) })]],
  ["version 2", "malformed", /version 2/, () => [leaf({ version: derContext(0, derInteger(1)) })]],
  [
    "an extension twice",
    "malformed",
    /2\.5\.29\.17 twice/,
    () => [leaf({ moreExtensions: [alternativeNamesDer({ uris: [OTHER_ID] }, true)] })],
  ],
  [
    "too many extensions",
    "malformed",
    /64 extensions/,
    () => [
      leaf({
        moreExtensions: Array.from({ length: 64 }, (_, i) =>
          extensionDer(`1.2.3.${i}`, false, Buffer.of(5, 0)),
        ),
      }),
    ],
  ],
  [
    "a boolean that is neither true nor false",
    "malformed",
    /boolean/,
    () => [
      leaf({
        moreExtensions: [
          derSequence(derOid("1.2.3.4"), Buffer.of(1, 1, 7), derOctetString(Buffer.of(1))),
        ],
      }),
    ],
  ],
  [
    "a day that does not exist",
    "malformed",
    /does not exist/,
    () => [
      leaf({
        validity: derSequence(
          derElement(0x17, Buffer.from("260230000000Z")),
          derElement(0x17, Buffer.from("270101000000Z")),
        ),
      }),
    ],
  ],
  [
    "a time with an offset",
    "malformed",
    /RFC 5280/,
    () => [
      leaf({
        validity: derSequence(
          derElement(0x17, Buffer.from("2601010000+0100")),
          derElement(0x17, Buffer.from("270101000000Z")),
        ),
      }),
    ],
  ],
  [
    "unused bits that are set",
    "malformed",
    /unused bits/,
    () => [leaf({ keyUsage: extensionDer(OID.keyUsage, true, Buffer.from("03020781", "hex")) })],
  ],
  [
    "a broken intermediate",
    "malformed",
    /cannot be read/,
    () => [createTestLeaf(NOW_MS, intermediate, [ID]).der, intermediate.der.subarray(1)],
  ],
];

testRefused(refusedSyntax);

test("a good certificate hidden as PEM inside a forged one does not vouch for it", () => {
  const mine = createTestLeaf(NOW_MS, root, [OTHER_ID]);
  const hidden = Buffer.from(`\n${formatPem("CERTIFICATE", mine.der)}`);
  const forger = { name: root.name, key: generateTestKey() };
  const forged = createTestLeaf(NOW_MS, forger, [ID], {
    moreExtensions: [extensionDer("1.2.3.4", false, hidden)],
  }).der;
  // Why the verifier never lets Node parse a certificate: it sees the hidden one.
  assert.match(new X509Certificate(forged).subjectAltName ?? "", /orders/);
  const verdict = verifyPeer([forged], bundles, NOW_MS);
  assert.equal(verdict.ok ? "accepted" : verdict.code, "bad-signature");
});

test("no mutation of a good chain is accepted or throws", () => {
  const good = createTestLeaf(NOW_MS, root, [ID]).der;
  let acceptedCount = 0;
  for (let offset = 0; offset < good.length; offset++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const der = Buffer.from(good);
      der[offset] = (der[offset] ?? 0) ^ flip;
      if (verifyPeer([der], bundles, NOW_MS).ok) acceptedCount += 1;
    }
  }
  assert.equal(acceptedCount, 0);
});
