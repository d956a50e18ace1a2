/**
 * Header values and paths are handled as one character a byte. Text from configuration is UTF-8 on the
 * wire, so it is brought into the same form once, when it is compiled.
 */
import { Buffer } from "node:buffer";

const NON_ASCII = /[^\0-\x7f]/;

/** UTF-8 bytes of `text`, one character a byte. */
export function wireText(text: string): string {
  return NON_ASCII.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/** Lower case of ASCII letters alone: bytes above are parts of characters and mean nothing by themselves. */
export function asciiLowerCase(wire: string): string {
  if (isAscii(wire)) return wire.toLowerCase();
  let lower = "";
  for (let i = 0; i < wire.length; i++) {
    const char = wire[i]!;
    lower += char >= "A" && char <= "Z" ? char.toLowerCase() : char;
  }
  return lower;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return false;
  }
  return true;
}
