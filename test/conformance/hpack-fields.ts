/** Field sections as name and value pairs, for comparison. Pseudo fields stand in the order of their numbers. */
import assert from "node:assert/strict";
import { encodedBytesMax, type HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { type FieldSection, PSEUDO } from "../../src/http2/hpack/field-section.ts";

export const PSEUDO_ORDER = [":method", ":scheme", ":authority", ":path", ":status", ":protocol"];

export function fieldsOf(section: FieldSection): [string, string][] {
  const fields: [string, string][] = [];
  const values = {
    ":method": section.method,
    ":scheme": section.scheme,
    ":authority": section.authority,
    ":path": section.path,
    ":status": String(section.status),
    ":protocol": section.protocol,
  };
  for (const [name, value] of Object.entries(values)) {
    const kind = PSEUDO[name.slice(1) as keyof typeof PSEUDO];
    if ((section.present & (1 << kind)) !== 0) fields.push([name, value]);
  }
  section.headers.forEach((name, value) => {
    fields.push([name, value]);
  });
  return fields;
}

/** Encodes a block at the start of `out`. Returns its length, which is within what was promised. */
export function encodeFields(
  encoder: HpackEncoder,
  fields: readonly (readonly [name: string, value: string])[],
  out: Buffer,
): number {
  let lines = "";
  let textBytes = 0;
  encoder.begin(out, 0);
  for (const [name, value] of fields) {
    textBytes += name.length + value.length;
    if (name === ":method") encoder.method(value);
    else if (name === ":scheme") encoder.scheme(value);
    else if (name === ":authority") encoder.authority(value);
    else if (name === ":path") encoder.path(value);
    else if (name === ":status") encoder.status(Number(value));
    else if (name === ":protocol") encoder.protocol(value);
    else lines += `${name}: ${value}\r\n`;
  }
  encoder.addLines(lines);
  const end = encoder.end();
  assert.ok(end <= encodedBytesMax(textBytes, fields.length));
  return end;
}
