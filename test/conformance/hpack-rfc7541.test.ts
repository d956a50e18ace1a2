/** The examples of RFC 7541 appendix C: header blocks, decoded fields and table sizes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HEAD_SIZE_BYTES_MAX } from "../../src/core/limits.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import { FieldSection } from "../../src/http2/hpack/field-section.ts";
import { HPACK_OK } from "../../src/http2/hpack/hpack-error.ts";
import { HpackScratch } from "../../src/http2/hpack/hpack-scratch.ts";
import { fieldsOf } from "./hpack-fields.ts";

interface Step {
  readonly wire: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly tableSize: number;
}

const DATE_21 = "Mon, 21 Oct 2013 20:13:21 GMT";
const DATE_22 = "Mon, 21 Oct 2013 20:13:22 GMT";
const LOCATION = "https://www.example.com";
const COOKIE = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";

const REQUEST_FIELDS = [
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":authority", "www.example.com"],
    [":path", "/"],
  ],
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":authority", "www.example.com"],
    [":path", "/"],
    ["cache-control", "no-cache"],
  ],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":authority", "www.example.com"],
    [":path", "/index.html"],
    ["custom-key", "custom-value"],
  ],
] as const;

const RESPONSE_FIELDS = [
  [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", DATE_21],
    ["location", LOCATION],
  ],
  [
    [":status", "307"],
    ["cache-control", "private"],
    ["date", DATE_21],
    ["location", LOCATION],
  ],
  [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", DATE_22],
    ["location", LOCATION],
    ["content-encoding", "gzip"],
    ["set-cookie", COOKIE],
  ],
] as const;

const REQUEST_TABLE_SIZES = [57, 110, 164];
const RESPONSE_TABLE_SIZES = [222, 222, 215];

/** Prefixed to the response examples, which presume a table of 256 bytes: the update to it. */
const SIZE_256 = "3fe101";

const EXAMPLES: Readonly<Record<string, readonly Step[]>> = {
  "C.2.1: literal with indexing": [
    {
      wire: "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
      fields: [["custom-key", "custom-header"]],
      tableSize: 55,
    },
  ],
  "C.2.2: literal without indexing": [
    { wire: "040c2f73616d706c652f70617468", fields: [[":path", "/sample/path"]], tableSize: 0 },
  ],
  "C.2.3: literal never indexed": [
    {
      wire: "100870617373776f726406736563726574",
      fields: [["password", "secret"]],
      tableSize: 0,
    },
  ],
  "C.2.4: indexed": [{ wire: "82", fields: [[":method", "GET"]], tableSize: 0 }],
  "C.3: requests without Huffman coding": steps(REQUEST_FIELDS, REQUEST_TABLE_SIZES, [
    "828684410f7777772e6578616d706c652e636f6d",
    "828684be58086e6f2d6361636865",
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
  ]),
  "C.4: requests with Huffman coding": steps(REQUEST_FIELDS, REQUEST_TABLE_SIZES, [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
  ]),
  "C.5: responses without Huffman coding": steps(RESPONSE_FIELDS, RESPONSE_TABLE_SIZES, [
    `${SIZE_256}4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
    "4803333037c1c0bf",
    "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
  ]),
  "C.6: responses with Huffman coding": steps(RESPONSE_FIELDS, RESPONSE_TABLE_SIZES, [
    `${SIZE_256}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
    "4883640effc1c0bf",
    "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
  ]),
};

for (const [name, example] of Object.entries(EXAMPLES)) {
  test(`RFC 7541 appendix ${name}`, () => {
    const scratch = new HpackScratch();
    const decoder = new HpackDecoder({ scratch, listSizeBytesMax: HEAD_SIZE_BYTES_MAX });
    const section = new FieldSection();
    for (const { wire, fields, tableSize } of example) {
      const bytes = Buffer.from(wire, "hex");
      assert.equal(decoder.decode(bytes, 0, bytes.length, section), HPACK_OK);
      assert.deepEqual(sorted(fieldsOf(section)), sorted(fields));
      assert.equal(decoder.tableSize, tableSize);
      assert.equal(section.headers.isNeverIndexed(0), name.startsWith("C.2.3"));
    }
  });
}

function steps(
  fields: readonly Step["fields"][],
  tableSizes: readonly number[],
  wires: readonly string[],
): readonly Step[] {
  return wires.map((wire, i) => ({ wire, fields: fields[i]!, tableSize: tableSizes[i]! }));
}

/** Pseudo fields come out in one order whatever they came in. */
function sorted(fields: Step["fields"]): readonly string[] {
  return fields.map(([name, value]) => `${name}: ${value}`).sort();
}
