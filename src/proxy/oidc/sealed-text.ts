/**
 * Text that only gateways with the same secret can read or make: AES-256-GCM under a key that is derived from the client's
 * secret. What it is for is bound to it, so that nothing passes for something else.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/** `iv` comes from the system's source of chance, anew for each text. */
export function seal(key: Buffer, purpose: string, text: string, iv: Buffer): string {
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(Buffer.from(purpose));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString("base64url");
}

/** Undefined for whatever was not sealed by this key for this purpose. */
export function unseal(key: Buffer, purpose: string, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < IV_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(purpose));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  try {
    const body = bytes.subarray(IV_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

/** `context` tells policies apart that have one secret. */
export function sealingKey(secret: string, context: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `tulle oidc 1 ${context}`, KEY_BYTES));
}

export const SEAL_IV_BYTES = IV_BYTES;
