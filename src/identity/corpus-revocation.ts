/** The certificate corpus, part 3: chains and the revocation lists that their trust bundle has. */
import {
  createTestIntermediate,
  createTestLeaf,
  createTestRevocationList,
  createTestRoot,
} from "./certificate-fixtures.ts";
import { extensionDer, keyUsageDer } from "./certificate-writer.ts";
import { ID, intermediate, leaf, MINUTE_MS, NOW_MS, root } from "./corpus-fixtures.ts";
import { derInteger, derOctetString } from "./der-writer.ts";
import type { PeerRejectionCode } from "./peer-rejection.ts";

export interface RevocationCase {
  readonly what: string;
  /** Empty: accepted. */
  readonly code: PeerRejectionCode | "";
  readonly chain: readonly Buffer[];
  readonly lists: readonly Buffer[];
}

/** What test certificates have unless it is replaced. */
const SERIAL = Buffer.from("4badc0de", "hex");
const OTHER_SERIAL = Buffer.from("0badcafe", "hex");

const direct = [leaf()];
const through = [
  createTestLeaf(NOW_MS, intermediate, [ID], { serial: derInteger(OTHER_SERIAL) }).der,
  intermediate.der,
];
const silent = createTestIntermediate(NOW_MS, root, "may not sign lists", {
  keyUsage: keyUsageDer([5]),
});
const stranger = createTestRoot(NOW_MS, "stranger");
const list = createTestRevocationList;
const ofRoot = list(NOW_MS, root, [1]);
const ofIntermediate = list(NOW_MS, intermediate, [1]);
const note = extensionDer("2.5.29.20", false, derInteger(7));

export const REVOCATION_CASES: readonly RevocationCase[] = [
  { what: "no list at all", code: "", chain: direct, lists: [] },
  { what: "a list without entries", code: "", chain: direct, lists: [list(NOW_MS, root, [])] },
  { what: "a list with other certificates", code: "", chain: direct, lists: [ofRoot] },
  {
    what: "a list with a number and a reason that are not critical",
    code: "",
    chain: direct,
    lists: [
      list(NOW_MS, root, [1], {
        extensions: [note],
        entryExtensions: [extensionDer("2.5.29.21", false, Buffer.of(0x0a, 1, 1))],
      }),
    ],
  },
  {
    what: "lists of every issuer of the path",
    code: "",
    chain: through,
    lists: [ofRoot, ofIntermediate],
  },
  {
    what: "a leaf on the list",
    code: "revoked",
    chain: direct,
    lists: [list(NOW_MS, root, [1, SERIAL])],
  },
  {
    what: "a leaf on the newer of two lists of its issuer",
    code: "revoked",
    chain: direct,
    lists: [ofRoot, list(NOW_MS, root, [SERIAL], { thisUpdateMs: NOW_MS - MINUTE_MS })],
  },
  {
    what: "a leaf on the older of two lists of its issuer",
    code: "",
    chain: direct,
    lists: [
      list(NOW_MS, root, [SERIAL]),
      list(NOW_MS, root, [], { thisUpdateMs: NOW_MS - MINUTE_MS }),
    ],
  },
  {
    what: "an intermediate on the list of the root",
    code: "revoked",
    chain: through,
    lists: [list(NOW_MS, root, [SERIAL]), ofIntermediate],
  },
  {
    what: "the same number on the list of another issuer",
    code: "",
    chain: through,
    lists: [list(NOW_MS, root, [OTHER_SERIAL]), ofIntermediate],
  },
  {
    what: "no list of the intermediate where the root has one",
    code: "crl-missing",
    chain: through,
    lists: [ofRoot],
  },
  {
    what: "no list of the root where the intermediate has one",
    code: "crl-missing",
    chain: through,
    lists: [ofIntermediate],
  },
  {
    what: "a list that has ended",
    code: "crl-missing",
    chain: direct,
    lists: [list(NOW_MS, root, [], { nextUpdateMs: NOW_MS - MINUTE_MS })],
  },
  {
    what: "a list of the future",
    code: "crl-missing",
    chain: direct,
    lists: [list(NOW_MS, root, [], { thisUpdateMs: NOW_MS + MINUTE_MS })],
  },
  {
    what: "a list in the name of the root that a stranger signed",
    code: "crl-missing",
    chain: direct,
    lists: [list(NOW_MS, { name: root.name, key: stranger.key }, [])],
  },
  {
    what: "a list of a stranger alone",
    code: "crl-missing",
    chain: direct,
    lists: [list(NOW_MS, stranger, [])],
  },
  {
    what: "a list of an issuer that may not sign lists",
    code: "crl-missing",
    chain: [createTestLeaf(NOW_MS, silent, [ID]).der, silent.der],
    lists: [ofRoot, list(NOW_MS, silent, [])],
  },
];

/** Lists that cannot be used at all: a bundle with one is refused. */
export const BROKEN_LISTS: readonly (readonly [what: string, reason: RegExp, der: () => Buffer])[] =
  [
    [
      "a critical extension",
      /list with the critical extension 2\.5\.29\.28/,
      () =>
        list(NOW_MS, root, [], {
          extensions: [extensionDer("2.5.29.28", true, derOctetString(Buffer.of(1)))],
        }),
    ],
    [
      "a critical extension of an entry",
      /entry of a list with the critical extension 2\.5\.29\.29/,
      () =>
        list(NOW_MS, root, [1], {
          entryExtensions: [extensionDer("2.5.29.29", true, derOctetString(Buffer.of(1)))],
        }),
    ],
    ["no end", /without nextUpdate/, () => list(NOW_MS, root, [], { nextUpdateMs: null })],
    ["another version", /version that is not 2/, () => list(NOW_MS, root, [], { version: 2 })],
    ["bytes behind it", /left over/, () => Buffer.concat([list(NOW_MS, root, []), Buffer.of(0)])],
  ];
