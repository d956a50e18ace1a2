/**
 * Seals a private key with a passphrase: scrypt (RFC 7914) makes the key for AES-256-GCM. The header,
 * which holds the cost and the salt, is authenticated too.
 *
 *   version 1 | log2 N 1 | r 1 | p 1 | salt 16 | nonce 12 | ciphertext | tag 16      (sizes in bytes)
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto";
import { formatPem, parsePem } from "./pem.ts";

const PEM_LABEL = "TULLE SEALED PRIVATE KEY";
const VERSION = 1;

/** 128 MiB of memory and some 0.3 s: a passphrase is tried a few times a day, not a thousand times a second. */
const COST_LOG2_DEFAULT = 17;
/** What a file may ask of us when it is opened. */
const COST_LOG2_MAX = 20;
const BLOCK_SIZE = 8;
const PARALLELIZATION = 1;

const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 4 + SALT_BYTES + NONCE_BYTES;

/** Whether `text` is the output of `sealKey`. */
export function isSealedKey(text: string): boolean {
  return text.includes(`-----BEGIN ${PEM_LABEL}-----`);
}

/** `costLog2` is log2 of scrypt's N; lower it in tests only. */
export function sealKey(
  privateKeyPem: string,
  passphrase: string,
  costLog2 = COST_LOG2_DEFAULT,
): string {
  const header = Buffer.concat([
    Buffer.of(VERSION, costLog2, BLOCK_SIZE, PARALLELIZATION),
    randomBytes(SALT_BYTES + NONCE_BYTES),
  ]);
  const cipher = createCipheriv("aes-256-gcm", deriveKey(header, passphrase), nonceOf(header));
  cipher.setAAD(header);
  const ciphertext = Buffer.concat([cipher.update(privateKeyPem, "utf8"), cipher.final()]);
  return formatPem(PEM_LABEL, Buffer.concat([header, ciphertext, cipher.getAuthTag()]));
}

/** The key, or undefined when the passphrase is wrong or the text was altered: the two look the same. */
export function unsealKey(sealed: string, passphrase: string): string | undefined {
  const [bytes] = parsePem(sealed, PEM_LABEL);
  if (bytes === undefined || bytes.length <= HEADER_BYTES + TAG_BYTES) return undefined;
  const header = bytes.subarray(0, HEADER_BYTES);
  const [version, costLog2, blockSize, parallelization] = header;
  const isKnown =
    version === VERSION &&
    costLog2 !== undefined &&
    costLog2 >= 1 &&
    costLog2 <= COST_LOG2_MAX &&
    blockSize === BLOCK_SIZE &&
    parallelization === PARALLELIZATION;
  if (!isKnown) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", deriveKey(header, passphrase), nonceOf(header), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(header);
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const plain = decipher.update(bytes.subarray(HEADER_BYTES, -TAG_BYTES));
    return Buffer.concat([plain, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

function deriveKey(header: Buffer, passphrase: string): Buffer {
  const cost = 2 ** (header[1] ?? 0);
  return scryptSync(passphrase.normalize("NFC"), header.subarray(4, 4 + SALT_BYTES), 32, {
    N: cost,
    r: BLOCK_SIZE,
    p: PARALLELIZATION,
    // What RFC 7914 needs, and a little that OpenSSL adds.
    maxmem: 128 * BLOCK_SIZE * (cost + PARALLELIZATION + 2) + 1024 * 1024,
  });
}

function nonceOf(header: Buffer): Buffer {
  return header.subarray(4 + SALT_BYTES, HEADER_BYTES);
}
