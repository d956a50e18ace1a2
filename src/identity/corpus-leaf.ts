/** The certificate corpus, part 1: names, key usage and dates of the leaf. What is to be accepted, and what refused. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createTestIntermediate, createTestLeaf } from "./certificate-fixtures.ts";
import {
  alternativeNamesDer,
  basicConstraintsDer,
  extendedKeyUsageDer,
  extensionDer,
  keyUsageDer,
  nameDer,
} from "./certificate-writer.ts";
import {
  type Accepted,
  foreignRoot,
  ID,
  intermediate,
  leaf,
  leafWithNames,
  MINUTE_MS,
  NOW_MS,
  OTHER_ID,
  type Refused,
  root,
  uriName,
} from "./corpus-fixtures.ts";
import {
  derBoolean,
  derContext,
  derElement,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
} from "./der-writer.ts";
import { OID } from "./oid.ts";

export const ACCEPTED: readonly Accepted[] = [
  ["a plain SVID", () => [leaf()]],
  [
    "with DNS names beside the URI",
    () => [
      leaf({
        alternativeNames: alternativeNamesDer({ uris: [ID], dnsNames: ["a.test", "b.test"] }, true),
      }),
    ],
  ],
  [
    "with an e-mail, an address and a directory name beside the URI",
    () => [
      leafWithNames(
        derElement(0x81, Buffer.from("a@b.test")),
        uriName(ID),
        derElement(0x87, Buffer.of(127, 0, 0, 1)),
        derContext(4, nameDer([[OID.commonName, "x"]])),
      ),
    ],
  ],
  [
    "with a subject and a SAN that is not critical",
    () => [
      leaf({
        subject: nameDer([[OID.commonName, "catalog"]]),
        alternativeNames: alternativeNamesDer({ uris: [ID] }, false),
      }),
    ],
  ],
  ["without extended key usage", () => [leaf({ extendedKeyUsage: null })]],
  [
    "with a critical extended key usage",
    () => [
      leaf({
        extendedKeyUsage: extensionDer(
          OID.extendedKeyUsage,
          true,
          derSequence(derOid(OID.clientAuth), derOid(OID.serverAuth)),
        ),
      }),
    ],
  ],
  ["without basic constraints", () => [leaf({ basicConstraints: null })]],
  ["with keyEncipherment and keyAgreement", () => [leaf({ keyUsage: keyUsageDer([0, 2, 4]) })]],
  [
    "with an unknown extension that is not critical",
    () => [
      leaf({ moreExtensions: [extensionDer("1.2.3.4", false, derOctetString(Buffer.of(1)))] }),
    ],
  ],
  [
    "with criticality spelled out as FALSE",
    () => [
      leaf({
        moreExtensions: [
          derSequence(derOid("1.2.3.4"), derBoolean(false), derOctetString(Buffer.of(1))),
        ],
      }),
    ],
  ],
  ["with a P-384 key", () => [leaf({ key: ecKey("P-384") })]],
  ["with an Ed25519 key", () => [leaf({ key: generateKeyPairSync("ed25519").privateKey })]],
  ["with an RSA key of 2048 bits", () => [leaf({ key: rsaKey(2048) })]],
  ["in the second at which it begins", () => [leaf({ notBeforeMs: NOW_MS })]],
  ["in the second at which it ends", () => [leaf({ notAfterMs: NOW_MS })]],
  ["that ends after 2049", () => [leaf({ notAfterMs: Date.UTC(2060, 0, 1) })]],
  ["with the largest serial number", () => [leaf({ serial: derInteger(Buffer.alloc(19, 0xff)) })]],
  [
    "through an intermediate",
    () => [createTestLeaf(NOW_MS, intermediate, [ID]).der, intermediate.der],
  ],
  [
    "with the root sent along",
    () => [createTestLeaf(NOW_MS, intermediate, [ID]).der, intermediate.der, root.der],
  ],
  [
    "through three intermediates, in a wrong order and with a stranger",
    () => {
      const second = createTestIntermediate(NOW_MS, intermediate, "second");
      const third = createTestIntermediate(NOW_MS, second, "third");
      return [
        createTestLeaf(NOW_MS, third, [ID]).der,
        intermediate.der,
        foreignRoot.der,
        third.der,
        second.der,
      ];
    },
  ],
  [
    "through an intermediate of the same name as one that did not sign",
    () => {
      const decoy = createTestIntermediate(NOW_MS, root, "intermediate");
      return [createTestLeaf(NOW_MS, intermediate, [ID]).der, decoy.der, intermediate.der];
    },
  ],
  [
    "within the path length",
    () => {
      const limited = createTestIntermediate(NOW_MS, root, "limited", {
        basicConstraints: basicConstraintsDer(true, 0),
      });
      return [createTestLeaf(NOW_MS, limited, [ID]).der, limited.der];
    },
  ],
  [
    "through an intermediate with anyExtendedKeyUsage",
    () => {
      const any = createTestIntermediate(NOW_MS, root, "any", {
        extendedKeyUsage: extendedKeyUsageDer([OID.anyExtendedKeyUsage]),
      });
      return [createTestLeaf(NOW_MS, any, [ID]).der, any.der];
    },
  ],
  [
    "of another trusted domain, by its own root",
    () => [createTestLeaf(NOW_MS, foreignRoot, ["spiffe://friend.test/ns/a/sa/b"]).der],
  ],
];

const refusedNames: readonly Refused[] = [
  [
    "two URI SANs",
    "uri-san-count",
    /^peer certificate has 2 URI SANs, an SVID has exactly one$/,
    () => [leaf({}, [ID, OTHER_ID])],
  ],
  ["the same URI SAN twice", "uri-san-count", /2 URI SANs/, () => [leaf({}, [ID, ID])]],
  [
    "one good URI SAN and one of another scheme",
    "uri-san-count",
    /2 URI SANs/,
    () => [leaf({}, [ID, "https://a.test/"])],
  ],
  [
    "no SAN",
    "uri-san-count",
    /has no URI SAN/,
    () => [leaf({ alternativeNames: null, subject: nameDer([[OID.commonName, ID]]) })],
  ],
  [
    "DNS names only",
    "uri-san-count",
    /has no URI SAN/,
    () => [
      leaf({ alternativeNames: alternativeNamesDer({ uris: [], dnsNames: ["a.test"] }, true) }),
    ],
  ],
  ["an empty SAN", "uri-san-count", /has no URI SAN/, () => [leafWithNames()]],
  [
    "the id as a DNS name",
    "uri-san-count",
    /has no URI SAN/,
    () => [leafWithNames(derElement(0x82, Buffer.from(`a.test, URI:${ID}`)))],
  ],
  ...(
    [
      ["an empty URI", "", /scheme/],
      ["another scheme", "https://mesh.test/ns/a/sa/b", /scheme/],
      ["an empty trust domain", "spiffe:///ns/a/sa/b", /no trust domain/],
      ["an upper case trust domain", "spiffe://MESH.test/ns/a/sa/b", /upper case/],
      ["an upper case scheme", "SPIFFE://mesh.test/ns/a/sa/b", /upper case/],
      ["a port", "spiffe://mesh.test:443/ns/a/sa/b", /trust domain with characters/],
      ["userinfo", "spiffe://mesh.test@evil.test/ns/a/sa/b", /trust domain with characters/],
      [
        "a percent-encoded trust domain",
        "spiffe://mesh%2etest/ns/a/sa/b",
        /trust domain with characters/,
      ],
      ["a percent-encoded path", "spiffe://mesh.test/ns/a/sa/%62", /path with characters/],
      ["a query", "spiffe://mesh.test/ns/a/sa/b?c=d", /path with characters/],
      ["a fragment", "spiffe://mesh.test/ns/a/sa/b#c", /path with characters/],
      ["a slash at the end", "spiffe://mesh.test/ns/a/sa/b/", /empty path segment/],
      ["an empty segment", "spiffe://mesh.test/ns//sa/b", /empty path segment/],
      ["dot segments", "spiffe://mesh.test/ns/x/../a/sa/b", /dot segment/],
      ["no path", "spiffe://mesh.test", /whole trust domain/],
      ["a NUL", `${ID}\0.evil.test`, /path with characters/],
      [
        "a NUL in the trust domain",
        "spiffe://mesh.test\0.evil.test/a",
        /trust domain with characters/,
      ],
      ["a line feed", `${ID}\n`, /path with characters/],
      ["a trust domain of 256 bytes", `spiffe://${"d".repeat(256)}/a`, /longer than 255/],
      ["2049 bytes", `spiffe://mesh.test/${"a".repeat(2030)}`, /longer than 2048/],
    ] as const
  ).map(
    ([what, uri, reason]): Refused => [
      `a SPIFFE id with ${what}`,
      "not-spiffe",
      reason,
      () => [leaf({}, [uri])],
    ],
  ),
  [
    "UTF-8 in the URI",
    "malformed",
    /eighth bit/,
    () => [leafWithNames(uriName(Buffer.from("spiffe://mesh.test/é")))],
  ],
  [
    "a byte above 7F in a DNS name",
    "malformed",
    /eighth bit/,
    () => [leafWithNames(uriName(ID), derElement(0x82, Buffer.of(0xe9)))],
  ],
  [
    "more than 256 names",
    "malformed",
    /256 alternative names/,
    () => [leafWithNames(...Array.from({ length: 257 }, () => derElement(0x82, Buffer.from("a"))))],
  ],
  [
    "a SAN that is not critical beside an empty subject",
    "san-not-critical",
    /not critical/,
    () => [leaf({ alternativeNames: alternativeNamesDer({ uris: [ID] }, false) })],
  ],
];

const refusedUsage: readonly Refused[] = [
  [
    "a leaf with cA true",
    "ca-as-leaf",
    /^peer presented a signing certificate as its identity$/,
    () => [leaf({ basicConstraints: basicConstraintsDer(true) })],
  ],
  ["a root as peer", "ca-as-leaf", /signing certificate/, () => [root.der]],
  ["an intermediate as peer", "ca-as-leaf", /signing certificate/, () => [intermediate.der]],
  [
    "keyCertSign",
    "bad-key-usage",
    /signing certificates/,
    () => [leaf({ keyUsage: keyUsageDer([0, 5]) })],
  ],
  ["cRLSign", "bad-key-usage", /revocation lists/, () => [leaf({ keyUsage: keyUsageDer([0, 6]) })]],
  ["no key usage", "bad-key-usage", /has no key usage/, () => [leaf({ keyUsage: null })]],
  [
    "a key usage that is not critical",
    "bad-key-usage",
    /not critical/,
    () => [leaf({ keyUsage: extensionDer(OID.keyUsage, false, Buffer.from("03020780", "hex")) })],
  ],
  [
    "a key usage without digitalSignature",
    "bad-key-usage",
    /digitalSignature/,
    () => [leaf({ keyUsage: keyUsageDer([2]) })],
  ],
  [
    "an empty key usage",
    "bad-key-usage",
    /digitalSignature/,
    () => [leaf({ keyUsage: keyUsageDer([]) })],
  ],
  ...[
    ["server", [OID.serverAuth]],
    ["client", [OID.clientAuth]],
    ["e-mail", ["1.3.6.1.5.5.7.3.4"]],
    ["any", [OID.anyExtendedKeyUsage]],
  ].map(
    ([what, purposes]): Refused => [
      `an extended key usage of ${what} only`,
      "bad-extended-key-usage",
      /server and client/,
      () => [leaf({ extendedKeyUsage: extendedKeyUsageDer(purposes as string[]) })],
    ],
  ),
  [
    "an unknown critical extension",
    "unknown-critical-extension",
    /1\.2\.3\.4/,
    () => [leaf({ moreExtensions: [extensionDer("1.2.3.4", true, Buffer.of(5, 0))] })],
  ],
  [
    "certificate policies that are critical",
    "unknown-critical-extension",
    /2\.5\.29\.32/,
    () => [leaf({ moreExtensions: [extensionDer("2.5.29.32", true, derSequence())] })],
  ],
  [
    "name constraints in a leaf",
    "name-constraints",
    /not supported/,
    () => [leaf({ moreExtensions: [extensionDer(OID.nameConstraints, true, derSequence())] })],
  ],
];

const refusedTime: readonly Refused[] = [
  [
    "expired",
    "expired",
    /^peer certificate expired 3 minutes ago$/,
    () => [leaf({ notAfterMs: NOW_MS - 3 * MINUTE_MS })],
  ],
  [
    "expired by a second",
    "expired",
    /expired 1 second ago/,
    () => [leaf({ notAfterMs: NOW_MS - 1000 })],
  ],
  [
    "expired for years",
    "expired",
    /expired 730 days ago/,
    () => [leaf({ notBeforeMs: 0, notAfterMs: NOW_MS - 730 * 1440 * MINUTE_MS })],
  ],
  [
    "not valid yet",
    "not-yet-valid",
    /^peer certificate is valid in 5 hours$/,
    () => [leaf({ notBeforeMs: NOW_MS + 300 * MINUTE_MS, notAfterMs: NOW_MS + 600 * MINUTE_MS })],
  ],
  [
    "times in the wrong order",
    "expired",
    /expired/,
    () => [leaf({ notBeforeMs: NOW_MS + MINUTE_MS, notAfterMs: NOW_MS - MINUTE_MS })],
  ],
];

export const REFUSED_LEAVES: readonly Refused[] = [
  ...refusedNames,
  ...refusedUsage,
  ...refusedTime,
];

function rsaKey(modulusLength: number): KeyObject {
  return generateKeyPairSync("rsa", { modulusLength }).privateKey;
}

function ecKey(namedCurve: string): KeyObject {
  return generateKeyPairSync("ec", { namedCurve }).privateKey;
}
