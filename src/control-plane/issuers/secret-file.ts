/** Tokens for issuers: read from their file at each use, since others replace them. */
import { readFileSync } from "node:fs";
import { messageOf } from "../../core/errors.ts";
import { issuerFailed } from "../../identity/issuers/certificate-issuer.ts";

/** Throws `issuer-failed`. What is in the file is in no message. */
export function readSecret(path: string): string {
  const secret = readText(path).trim();
  if (secret === "") throw issuerFailed(`${path} is empty: it should hold a token`, true);
  // What cannot stand in a header field would be told by an error that quotes it.
  if (!/^[\x21-\x7e]+$/.test(secret)) throw issuerFailed(`${path} holds no token`, true);
  return secret;
}

/** Throws `issuer-failed`. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw issuerFailed(`${path} cannot be read: ${messageOf(error)}`, true);
  }
}
