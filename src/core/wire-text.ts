/**
 * Header values and paths are handled in wire form, one character a byte. Text from configuration is
 * UTF-8 on the wire and gets that form once, when it is compiled; logs turn it back into text.
 */
import { Buffer } from "node:buffer";

const NON_ASCII = /[^\0-\x7f]/;

/** UTF-8 bytes of `text`, one character a byte. */
export function wireText(text: string): string {
  return NON_ASCII.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/** The text that bytes on the wire mean, read as UTF-8. */
export function textFromWire(wire: string): string {
  return isAscii(wire) ? wire : Buffer.from(wire, "latin1").toString("utf8");
}

/** Lower case of ASCII letters alone: bytes above are parts of characters and mean nothing by themselves. */
export function asciiLowerCase(wire: string): string {
  if (isAscii(wire)) return wire.toLowerCase();
  return wire.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return false;
  }
  return true;
}
