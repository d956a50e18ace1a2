/**
 * Fluentd and Fluent Bit by their forward protocol: a chunk is one PackedForward message, compressed where that is asked for,
 * and done with when its acknowledgement has come.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type ExportTarget, retryAll, type SendOutcome, TAKEN } from "../export-target.ts";
import { type Authentication, readPassword } from "../http/credentials.ts";
import type { LogLine } from "../log-document.ts";
import { placeText, type StreamPlace, StreamSocket } from "../stream-socket.ts";
import { written } from "../syslog/syslog-target.ts";
import { answerHelo } from "./forward-handshake.ts";
import { ForwardReader } from "./forward-reader.ts";
import { packArrayHead, packBinary, packEventTime, packMessage } from "./message-pack.ts";

const CHUNK_ID_BYTES = 16;
const compressed = promisify(gzip);

/** `[time, record]`. */
export function encodeForwardEntry({ event, document }: LogLine): Buffer {
  return Buffer.concat([packArrayHead(2), packEventTime(event.timeNs), packMessage(document)]);
}

export interface ForwardTargetOptions {
  readonly place: StreamPlace;
  readonly tag: string;
  readonly isAcknowledged: boolean;
  readonly isCompressed: boolean;
  readonly sharedKeyFile: string | undefined;
  readonly authentication: Authentication | undefined;
}

export class ForwardTarget implements ExportTarget {
  readonly place: string;
  readonly #options: ForwardTargetOptions;
  readonly #stream: StreamSocket;
  #reader: ForwardReader | undefined;

  constructor(options: ForwardTargetOptions) {
    this.#options = options;
    this.#stream = new StreamSocket(options.place);
    this.place = `forward ${placeText(options.place)}`;
  }

  async send(batch: readonly Buffer[], signal: AbortSignal): Promise<SendOutcome> {
    const chunk = randomBytes(CHUNK_ID_BYTES).toString("base64");
    const message = await this.#message(batch, chunk);
    try {
      const { socket, reader } = await this.#connected(signal);
      await written(socket, message, signal);
      if (!this.#options.isAcknowledged) return TAKEN;
      const answer = (await reader.next(signal)) as { readonly ack?: unknown } | null;
      if (answer?.ack === chunk) return TAKEN;
      this.#stream.close();
      return retryAll("it acknowledges something else");
    } catch (error) {
      // Whether the chunk came through is unknown: it is sent again, on another connection.
      this.#stream.close();
      throw error;
    }
  }

  close(): void {
    this.#stream.close();
  }

  /** `[tag, entries, option]`: PackedForward, or CompressedPackedForward. */
  async #message(batch: readonly Buffer[], chunk: string): Promise<Buffer> {
    const { tag, isCompressed, isAcknowledged } = this.#options;
    const entries = Buffer.concat(batch);
    const packed = isCompressed ? await compressed(entries) : entries;
    const option = {
      size: batch.length,
      ...(isCompressed ? { compressed: "gzip" } : {}),
      ...(isAcknowledged ? { chunk } : {}),
    };
    return Buffer.concat([
      packArrayHead(3),
      packMessage(tag),
      packBinary(packed),
      packMessage(option),
    ]);
  }

  async #connected(
    signal: AbortSignal,
  ): Promise<{ readonly socket: Socket; readonly reader: ForwardReader }> {
    const { socket, isFresh } = await this.#stream.connected(signal, (fresh) => {
      this.#reader = new ForwardReader(fresh);
    });
    const reader = this.#reader;
    if (reader === undefined) throw new Error("there is no connection");
    if (isFresh) await this.#shakeHands(socket, reader, signal);
    return { socket, reader };
  }

  async #shakeHands(socket: Socket, reader: ForwardReader, signal: AbortSignal): Promise<void> {
    const { sharedKeyFile, authentication } = this.#options;
    if (sharedKeyFile === undefined) return;
    const basic = authentication?.basic;
    const handshake = answerHelo(await reader.next(signal), {
      sharedKey: readPassword(sharedKeyFile),
      username: basic?.username ?? "",
      password: basic === undefined ? "" : readPassword(basic.passwordFile),
      hostname: `tulle-${hostname()}`,
    });
    await written(socket, handshake.ping, signal);
    handshake.checkPong(await reader.next(signal));
  }
}
