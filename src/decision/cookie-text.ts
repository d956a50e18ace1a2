/** What may become part of a Set-Cookie field. */
import type { FieldError } from "./field-error.ts";

/** Anything else would end the cookie, or the field. */
export function checkCookieText(text: string, path: string, errors: FieldError[]): void {
  if (/^[!-:<-~ ]*$/.test(text)) return;
  errors.push({ path, message: "has a semicolon, a control or a non-ASCII character" });
}
