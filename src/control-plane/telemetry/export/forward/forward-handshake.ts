/** The handshake of the forward protocol 1.5: both sides show that they know the shared key without telling it. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { packMessage } from "./message-pack.ts";

const SALT_BYTES = 16;

export interface ForwardSecrets {
  readonly sharedKey: string;
  readonly username: string;
  readonly password: string;
  /** Ours; a server with the same name refuses us. */
  readonly hostname: string;
}

export interface Handshake {
  readonly ping: Buffer;
  /** Throws with the reason when the server refuses us, or does not know the key itself. */
  checkPong(value: unknown): void;
}

/** Throws when `helo` is none. */
export function answerHelo(helo: unknown, secrets: ForwardSecrets): Handshake {
  const [kind, options] = Array.isArray(helo) ? (helo as readonly unknown[]) : [];
  if (kind !== "HELO" || typeof options !== "object" || options === null) {
    throw new Error("it does not begin with HELO: has it a shared key?");
  }
  const { nonce, auth } = options as { readonly nonce?: unknown; readonly auth?: unknown };
  const { sharedKey, username, password, hostname } = secrets;
  const salt = randomBytes(SALT_BYTES).toString("hex");
  const asksUser = byteLength(auth) > 0;
  const userDigest = asksUser ? digest(bytesOf(auth), username, password) : "";
  return {
    ping: packMessage([
      "PING",
      hostname,
      salt,
      digest(salt, hostname, bytesOf(nonce), sharedKey),
      asksUser ? username : "",
      userDigest,
    ]),
    checkPong: (value) => {
      const [pong, isAccepted, reason, serverName, serverDigest] = Array.isArray(value)
        ? (value as readonly unknown[])
        : [];
      if (pong !== "PONG") throw new Error("it does not answer with PONG");
      if (isAccepted !== true) throw new Error(`it refuses us: ${String(reason).slice(0, 200)}`);
      const expected = digest(salt, String(serverName), bytesOf(nonce), sharedKey);
      if (!isSame(expected, String(serverDigest))) {
        throw new Error("it does not know the shared key itself");
      }
    },
  };
}

/** Text or binary: both occur. */
function bytesOf(value: unknown): Uint8Array | string {
  return typeof value === "string" || value instanceof Uint8Array ? value : "";
}

function byteLength(value: unknown): number {
  return Buffer.byteLength(bytesOf(value));
}

function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function isSame(a: string, b: string): boolean {
  const [one, two] = [Buffer.from(a), Buffer.from(b)];
  return one.length === two.length && timingSafeEqual(one, two);
}
