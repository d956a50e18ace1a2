/** PEM blocks (RFC 7468) in and out. Text between blocks is skipped, as everybody does. */
import { identityError } from "./errors.ts";

const LINE_LENGTH = 64;

/** The contents of every block with this label, in order. Throws `pem-malformed` on a broken one. */
export function parsePem(text: string, label: string): Buffer[] {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks: Buffer[] = [];
  let position = text.indexOf(begin);
  while (position !== -1) {
    const start = position + begin.length;
    const stop = text.indexOf(end, start);
    if (stop === -1) throw broken(`a ${label} block has no end`);
    const base64 = text.slice(start, stop).replace(/\s+/g, "");
    if (base64 === "" || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
      throw broken(`a ${label} block is not base64`);
    }
    blocks.push(Buffer.from(base64, "base64"));
    position = text.indexOf(begin, stop);
  }
  return blocks;
}

/** One block, with a line feed at its end. */
export function formatPem(label: string, contents: Uint8Array): string {
  const base64 = Buffer.from(contents).toString("base64");
  const lines: string[] = [];
  for (let i = 0; i < base64.length; i += LINE_LENGTH) lines.push(base64.slice(i, i + LINE_LENGTH));
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** Certificates one after the other. */
export function formatCertificatesPem(ders: readonly Uint8Array[]): string {
  return ders.map((der) => formatPem("CERTIFICATE", der)).join("");
}

function broken(what: string): Error {
  return identityError({ code: "pem-malformed" }, `malformed PEM: ${what}`);
}
