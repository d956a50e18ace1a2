/** Writes the body of one HTTP/1.1 message at a time: as it is, or in chunks with their framing. */
import type { HeaderBlock } from "../http/header-block.ts";
import { chunkStart, lastChunk } from "../http1/serializer.ts";
import type { SocketWriter } from "../net/socket-writer.ts";

export class Http1BodyWriter {
  protected readonly writer: SocketWriter;
  #isChunked = false;

  constructor(writer: SocketWriter) {
    this.writer = writer;
  }

  /** For the next message. */
  beginBody(isChunked: boolean): void {
    this.#isChunked = isChunked;
  }

  /** Returns false when the peer is slow: the source pauses until the writer has drained. */
  write(bytes: Buffer, start: number, end: number): boolean {
    if (this.#isChunked) {
      this.writer.bytes(chunkStart(end - start), bytes, start, end, "\r\n");
    } else {
      this.writer.bytes("", bytes, start, end, "");
    }
    return !this.writer.isBlocked;
  }

  end(trailers: HeaderBlock | undefined): void {
    if (this.#isChunked) this.writer.text(lastChunk(trailers));
  }
}
