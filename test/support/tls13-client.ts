/**
 * A TLS client that can break the rules: it begins as any other, and then writes records of the test's own, encrypted
 * under the keys of the connection (RFC 8446 sections 5 and 7), or sends a ClientHello that was changed.
 */
import { createCipheriv, createHmac } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";

/** RFC 8446 section 5.1. */
export const RECORD = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const;

const CIPHER = "TLS_AES_128_GCM_SHA256";
const TAG_BYTES = 16;

export class Tls13Client {
  readonly raw: Socket;
  readonly secure: TLSSocket;
  /** The other side has ended the connection, with an alert or without. */
  readonly ended: Promise<unknown>;
  readonly #key: Buffer;
  readonly #iv: Buffer;
  /** RFC 8446 section 5.3. The first record had the request. */
  #sequence = 1n;

  /**
   * Resolves when something has come back for `first`, a request: only then is it sure that all of the handshake is sent.
   * Nothing more may be written by `secure`, which counts records for itself.
   */
  static async connect(
    port: number,
    options: ConnectionOptions,
    first: string,
  ): Promise<Tls13Client> {
    const raw = connectTcp(port, "127.0.0.1");
    await once(raw, "connect");
    const secure = connect({ ...options, socket: raw, ciphers: CIPHER, rejectUnauthorized: false });
    const secrets: string[] = [];
    secure.on("keylog", (line: Buffer) => secrets.push(line.toString()));
    secure.on("error", () => {});
    secure.write(first);
    await once(secure, "data");
    const line = secrets.find((text) => text.startsWith("CLIENT_TRAFFIC_SECRET_0 "));
    return new Tls13Client(raw, secure, Buffer.from(line?.trim().split(" ").at(-1) ?? "", "hex"));
  }

  private constructor(raw: Socket, secure: TLSSocket, secret: Buffer) {
    this.raw = raw;
    this.secure = secure;
    this.ended = new Promise((resolve) => {
      for (const event of ["close", "end", "error"]) secure.once(event, resolve);
    });
    this.#key = expandLabel(secret, "key", 16);
    this.#iv = expandLabel(secret, "iv", 12);
  }

  /** A record of this type inside; what stands outside can be something else than application data. */
  write(type: number, content: Uint8Array, outside: number = RECORD.applicationData): void {
    const inner = Buffer.concat([content, Buffer.of(type)]);
    const head = recordHead(outside, inner.length + TAG_BYTES);
    const nonce = Buffer.from(this.#iv);
    nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ this.#sequence++, 4);
    const cipher = createCipheriv("aes-128-gcm", this.#key, nonce);
    cipher.setAAD(head);
    this.raw.write(
      Buffer.concat([head, cipher.update(inner), cipher.final(), cipher.getAuthTag()]),
    );
  }

  close(): void {
    this.secure.destroy();
    this.raw.destroy();
  }
}

export function recordHead(type: number, length: number, version = 0x0303): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(version, 1);
  head.writeUInt16BE(length, 3);
  return head;
}

/** The first record of a client of TLS 1.3, as the library sends it. */
export async function clientHello(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const socket = connect({ port, host: "127.0.0.1", ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => {});
  const [accepted] = (await once(server, "connection")) as [Socket];
  const [record] = (await once(accepted, "data")) as [Buffer];
  accepted.destroy();
  socket.destroy();
  server.close();
  return record;
}

/** RFC 8446 section 4.1.2: the same hello with these compression methods instead of none at all. */
export function withCompression(hello: Buffer, methods: readonly number[]): Buffer {
  const sessionAt = 5 + 4 + 2 + 32;
  const ciphersAt = sessionAt + 1 + hello.readUInt8(sessionAt);
  const methodsAt = ciphersAt + 2 + hello.readUInt16BE(ciphersAt);
  const restAt = methodsAt + 1 + hello.readUInt8(methodsAt);
  const body = Buffer.concat([
    hello.subarray(9, methodsAt),
    Buffer.of(methods.length, ...methods),
    hello.subarray(restAt),
  ]);
  const head = Buffer.of(1, 0, body.length >> 8, body.length & 0xff);
  return Buffer.concat([recordHead(RECORD.handshake, body.length + 4, 0x0301), head, body]);
}

/** RFC 8446 section 7.1, HKDF-Expand-Label with an empty context; one block of SHA-256 is enough. */
function expandLabel(secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([
    Buffer.of(length >> 8, length & 0xff, name.length),
    name,
    Buffer.of(0, 1),
  ]);
  return createHmac("sha256", secret).update(info).digest().subarray(0, length);
}
