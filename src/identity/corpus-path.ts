/** The certificate corpus, part 2: issuers, paths, keys and algorithms. All of it is to be refused. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  createTestIntermediate,
  createTestLeaf,
  createTestRoot,
  generateTestKey,
} from "./certificate-fixtures.ts";
import {
  basicConstraintsDer,
  extendedKeyUsageDer,
  extensionDer,
  keyUsageDer,
  nameDer,
} from "./certificate-writer.ts";
import {
  foreignRoot,
  ID,
  intermediate,
  leaf,
  MINUTE_MS,
  NOW_MS,
  OTHER_ID,
  type Refused,
  root,
  uriName,
} from "./corpus-fixtures.ts";
import { derContext, derOid, derSequence } from "./der-writer.ts";
import { OID } from "./oid.ts";

const refusedPath: readonly Refused[] = [
  ["no certificate", "no-certificate", /^peer sent no certificate$/, () => []],
  [
    "another trust domain",
    "untrusted-domain",
    /^peer belongs to trust domain other\.test, which is not trusted here$/,
    () => [leaf({}, ["spiffe://other.test/ns/a/sa/b"])],
  ],
  [
    "a trust domain with an empty bundle",
    "untrusted-domain",
    /empty\.test, whose trust bundle is empty/,
    () => [leaf({}, ["spiffe://empty.test/ns/a/sa/b"])],
  ],
  [
    "a trusted foreign domain signed by the local root",
    "untrusted-issuer",
    /friend\.test/,
    () => [leaf({}, ["spiffe://friend.test/ns/a/sa/b"])],
  ],
  [
    "the local domain signed by a trusted foreign root",
    "untrusted-issuer",
    /not issued under any of the 2 roots of trust domain mesh\.test/,
    () => [createTestLeaf(NOW_MS, foreignRoot, [ID]).der, foreignRoot.der],
  ],
  [
    "a root that nobody knows, sent along",
    "untrusted-issuer",
    /not issued/,
    () => {
      const unknown = createTestRoot(NOW_MS, "unknown");
      return [createTestLeaf(NOW_MS, unknown, [ID]).der, unknown.der];
    },
  ],
  [
    "an issuer with the root's name and another key",
    "bad-signature",
    /not signed by the key/,
    () => [createTestLeaf(NOW_MS, { name: root.name, key: generateTestKey() }, [ID]).der],
  ],
  [
    "self-signed",
    "untrusted-issuer",
    /not issued/,
    () => {
      const key = generateTestKey();
      const name = nameDer([[OID.commonName, "self"]]);
      return [createTestLeaf(NOW_MS, { name, key }, [ID], { subject: name, key }).der];
    },
  ],
  [
    "an altered signature",
    "bad-signature",
    /not signed/,
    () => {
      const der = Buffer.from(leaf());
      der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
      return [der];
    },
  ],
  [
    "an altered body",
    "bad-signature",
    /not signed/,
    () => {
      const der = Buffer.from(leaf());
      der.write("order-s", der.indexOf("catalog"));
      return [der];
    },
  ],
  [
    "a missing intermediate",
    "untrusted-issuer",
    /not issued/,
    () => [createTestLeaf(NOW_MS, intermediate, [ID]).der],
  ],
  [
    "an expired intermediate",
    "issuer-expired",
    /issuing certificate 1 of the peer expired 2 minutes ago/,
    () => {
      const expired = createTestIntermediate(NOW_MS, root, "old", {
        notAfterMs: NOW_MS - 2 * MINUTE_MS,
      });
      return [createTestLeaf(NOW_MS, expired, [ID]).der, expired.der];
    },
  ],
  [
    "an intermediate that is not valid yet",
    "issuer-not-yet-valid",
    /valid in 1 minute/,
    () => {
      const early = createTestIntermediate(NOW_MS, root, "early", {
        notBeforeMs: NOW_MS + MINUTE_MS,
      });
      return [createTestLeaf(NOW_MS, early, [ID]).der, early.der];
    },
  ],
  [
    "a leaf as issuer",
    "issuer-not-ca",
    /not that of a certificate authority/,
    () => {
      const name = nameDer([[OID.commonName, "leaf"]]);
      const key = generateTestKey();
      const issuing = leaf({ subject: name, key });
      return [createTestLeaf(NOW_MS, { name, key }, [OTHER_ID]).der, issuing];
    },
  ],
  [
    "an issuer without keyCertSign",
    "issuer-not-ca",
    /keyCertSign/,
    () => {
      const weak = createTestIntermediate(NOW_MS, root, "weak", { keyUsage: keyUsageDer([6]) });
      return [createTestLeaf(NOW_MS, weak, [ID]).der, weak.der];
    },
  ],
  [
    "an issuer without key usage",
    "issuer-not-ca",
    /keyCertSign/,
    () => {
      const weak = createTestIntermediate(NOW_MS, root, "weak", { keyUsage: null });
      return [createTestLeaf(NOW_MS, weak, [ID]).der, weak.der];
    },
  ],
  [
    "an issuer for e-mail only",
    "issuer-not-ca",
    /server and client/,
    () => {
      const mail = createTestIntermediate(NOW_MS, root, "mail", {
        extendedKeyUsage: extendedKeyUsageDer(["1.3.6.1.5.5.7.3.4"]),
      });
      return [createTestLeaf(NOW_MS, mail, [ID]).der, mail.der];
    },
  ],
  [
    "an issuer with name constraints",
    "name-constraints",
    /not supported/,
    () => {
      const permitted = derContext(0, derSequence(uriName("other.test")));
      const constrained = createTestIntermediate(NOW_MS, root, "constrained", {
        moreExtensions: [extensionDer(OID.nameConstraints, true, derSequence(permitted))],
      });
      return [createTestLeaf(NOW_MS, constrained, [ID]).der, constrained.der];
    },
  ],
  [
    "an issuer with an unknown critical extension",
    "unknown-critical-extension",
    /issuing certificate 1/,
    () => {
      const odd = createTestIntermediate(NOW_MS, root, "odd", {
        moreExtensions: [extensionDer("1.2.3.4", true, Buffer.of(5, 0))],
      });
      return [createTestLeaf(NOW_MS, odd, [ID]).der, odd.der];
    },
  ],
  [
    "a path that is longer than allowed",
    "path-length-exceeded",
    /allows 0 signing certificates below it, the path has 1/,
    () => {
      const limited = createTestIntermediate(NOW_MS, root, "limited", {
        basicConstraints: basicConstraintsDer(true, 0),
      });
      const below = createTestIntermediate(NOW_MS, limited, "below");
      return [createTestLeaf(NOW_MS, below, [ID]).der, below.der, limited.der];
    },
  ],
  [
    "six intermediates",
    "chain-too-long",
    /more than 5 signing certificates/,
    () => {
      const chain: Buffer[] = [];
      let issuer = root;
      for (let i = 0; i < 6; i++) {
        issuer = createTestIntermediate(NOW_MS, issuer, `level ${i}`);
        chain.unshift(issuer.der);
      }
      return [createTestLeaf(NOW_MS, issuer, [ID]).der, ...chain];
    },
  ],
  [
    "a chain of 12",
    "chain-too-long",
    /sent 12 certificates/,
    () => [leaf(), ...Array.from({ length: 11 }, () => root.der)],
  ],
  [
    "two authorities that sign each other",
    "untrusted-issuer",
    /not issued/,
    () => {
      const a = createTestRoot(NOW_MS, "a");
      const b = createTestRoot(NOW_MS, "b");
      const aByB = createTestIntermediate(NOW_MS, b, "a", { key: a.key });
      const bByA = createTestIntermediate(NOW_MS, a, "b", { key: b.key });
      return [createTestLeaf(NOW_MS, a, [ID]).der, aByB.der, bByA.der];
    },
  ],
  [
    "many ways that lead nowhere",
    "chain-too-long",
    /more than 16 signature checks/,
    () => {
      const key = generateTestKey();
      const start = createTestRoot(NOW_MS, "maze", { key });
      const maze = Array.from({ length: 9 }, (_, i) =>
        createTestIntermediate(NOW_MS, start, "maze", {
          key,
          notAfterMs: NOW_MS + MINUTE_MS * (i + 1),
        }),
      );
      return [createTestLeaf(NOW_MS, start, [ID]).der, ...maze.map(({ der }) => der)];
    },
  ],
];

const sha1 = { hash: "sha1", identifier: derSequence(derOid("1.2.840.10045.4.1")) };
const nul = Buffer.of(5, 0);

const refusedStrength: readonly Refused[] = [
  [
    "ECDSA with SHA-1",
    "weak-algorithm",
    /ECDSA with SHA-1, which is not accepted/,
    () => [leaf({ algorithm: sha1 })],
  ],
  [
    "an intermediate with SHA-1",
    "weak-algorithm",
    /issuing certificate 1/,
    () => {
      const weak = createTestIntermediate(NOW_MS, root, "weak", { algorithm: sha1 });
      return [createTestLeaf(NOW_MS, weak, [ID]).der, weak.der];
    },
  ],
  [
    "MD5 and SHA-1 with RSA",
    "weak-algorithm",
    /MD5 with RSA|SHA-1 with RSA/,
    () => {
      const key = rsaKey(2048);
      const algorithm = {
        hash: "md5",
        identifier: derSequence(derOid("1.2.840.113549.1.1.4"), nul),
      };
      return [createTestLeaf(NOW_MS, { name: root.name, key }, [ID], { algorithm }).der];
    },
  ],
  [
    "RSASSA-PSS",
    "weak-algorithm",
    /RSASSA-PSS/,
    () => {
      const algorithm = {
        hash: "sha256",
        identifier: derSequence(derOid("1.2.840.113549.1.1.10")),
      };
      return [leaf({ algorithm })];
    },
  ],
  [
    "two different algorithms",
    "malformed",
    /two different signature algorithms/,
    () => [leaf({ innerAlgorithm: sha1.identifier })],
  ],
  [
    "an algorithm of another kind of key",
    "bad-signature",
    /not signed/,
    () => [
      leaf({
        algorithm: {
          hash: "sha256",
          identifier: derSequence(derOid("1.2.840.113549.1.1.11"), nul),
        },
      }),
    ],
  ],
  [
    "an RSA key of 1024 bits",
    "weak-key",
    /RSA key of 1024 bits, at least 2048/,
    () => [leaf({ key: rsaKey(1024) })],
  ],
  ["an RSA key of 2047 bits", "weak-key", /2047 bits/, () => [leaf({ key: rsaKey(2047) })]],
  ["a P-224 key", "weak-key", /P-224/, () => [leaf({ key: ecKey("secp224r1") })]],
  ["a P-192 key", "weak-key", /P-192/, () => [leaf({ key: ecKey("prime192v1") })]],
  ["a secp256k1 key", "weak-key", /secp256k1/, () => [leaf({ key: ecKey("secp256k1") })]],
  [
    "an Ed448 key",
    "weak-key",
    /Ed448/,
    () => [leaf({ key: generateKeyPairSync("ed448").privateKey })],
  ],
  [
    "an issuer with a weak key",
    "weak-key",
    /issuing certificate 1 of the peer has an RSA key of 1024/,
    () => {
      const key = rsaKey(1024);
      const weak = createTestIntermediate(NOW_MS, root, "weak", { key });
      const algorithm = {
        hash: "sha256",
        identifier: derSequence(derOid("1.2.840.113549.1.1.11"), nul),
      };
      return [createTestLeaf(NOW_MS, weak, [ID], { algorithm }).der, weak.der];
    },
  ],
];

export const REFUSED_PATHS: readonly Refused[] = [...refusedPath, ...refusedStrength];

function rsaKey(modulusLength: number): KeyObject {
  return generateKeyPairSync("rsa", { modulusLength }).privateKey;
}

function ecKey(namedCurve: string): KeyObject {
  return generateKeyPairSync("ec", { namedCurve }).privateKey;
}
