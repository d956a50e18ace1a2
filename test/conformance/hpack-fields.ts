/** A decoded field section as name and value pairs, for comparison. Pseudo fields in the order of their numbers. */
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
