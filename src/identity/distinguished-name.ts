/** Names of certificate subjects as text (RFC 2253): what `x-forwarded-client-cert` and people read. */
import { DER_TAG, DerReader, oidFrom, readSingleElement } from "./der-reader.ts";

/** RFC 2253 section 2.3, and those that certificates of today have besides. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};
const BMP_STRING = 0x1e;

/**
 * The last relative name first. `nameDer` is a Name of RFC 5280 section 4.1.2.4. Every value is written in printable
 * ASCII, what is none as `\XX` for each byte of its UTF-8, so that it can stand in a header field.
 */
export function distinguishedNameText(nameDer: Buffer): string {
  const names = new DerReader(readSingleElement(nameDer, DER_TAG.sequence).contents);
  const parts: string[] = [];
  while (!names.isDone) parts.push(relativeName(new DerReader(names.read(DER_TAG.set).contents)));
  return parts.reverse().join(",");
}

function relativeName(attributes: DerReader): string {
  const parts: string[] = [];
  while (!attributes.isDone) {
    const attribute = new DerReader(attributes.read(DER_TAG.sequence).contents);
    const oid = oidFrom(attribute.read(DER_TAG.objectIdentifier));
    const { tag, contents } = attribute.readAny();
    const text =
      tag === BMP_STRING
        ? Buffer.from(contents).swap16().toString("utf16le")
        : contents.toString("utf8");
    parts.push(`${ATTRIBUTES[oid] ?? oid}=${escaped(text)}`);
  }
  return parts.join("+");
}

/** RFC 2253 section 2.4. */
function escaped(text: string): string {
  let result = "";
  for (const char of text) {
    const isOutside = result === "" ? /[ #]/.test(char) : false;
    if (/[,+"\\<>;]/.test(char) || isOutside) result += `\\${char}`;
    else if (/[\x20-\x7e]/.test(char)) result += char;
    else
      result += [...Buffer.from(char)]
        .map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, "0")}`)
        .join("");
  }
  return result.endsWith(" ") && !result.endsWith("\\ ") ? `${result.slice(0, -1)}\\ ` : result;
}
