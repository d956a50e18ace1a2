/** Tokens as text (RFC 9110 section 5.6.2): methods and protocol names. */
import { TOKEN_LOWER } from "./char-table.ts";

/** Whether Latin-1 `text` is a token. Empty is none. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (TOKEN_LOWER[text.charCodeAt(i)] === 0) return false;
  }
  return text.length > 0;
}
