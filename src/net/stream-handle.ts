/**
 * The runtime's handles below its sockets. Reading and writing through them skips the stream layer,
 * whose buffers, callbacks and ticks cost more than a small message itself
 * (docs/decisions/004-sockets-below-the-public-api.md).
 */
import type { Socket } from "node:net";

/** Carries a write that is not done at once. */
export interface WriteRequest {
  /** `status` is 0 or libuv's error number. */
  oncomplete: (status: number) => void;
}

/** Each call returns 0 or libuv's error number, which is negative. */
export interface StreamHandle {
  /** Called for each read, with `lastRead()` telling what came. */
  onread: (this: StreamHandle, bytes: ArrayBuffer | undefined) => void;
  /** The runtime's own note of whether it reads. */
  reading: boolean;
  /** Reads go there from now on, whatever is there before. */
  useUserBuffer(buffer: Buffer): void;
  readStart(): number;
  readStop(): number;
  /** What the writing calls are given may not change before the write completes. */
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
  writev(request: WriteRequest, chunks: readonly Buffer[], areBuffers: true): number;
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  /** What the last call on any handle left behind, at these places. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = streamBinding();

/** What `lastRead()` is at the end of the peer's bytes: libuv's UV_EOF, the same on every platform. */
export const END_OF_INPUT = -4095;

export function newWriteRequest(onComplete: (status: number) => void): WriteRequest {
  const request = new WriteWrap();
  request.oncomplete = onComplete;
  return request;
}

/** Whether the last write on any handle has still to call `oncomplete`. If not, its request is free. */
export function wasWriteAsync(): boolean {
  return streamBaseState[kLastWriteWasAsync] !== 0;
}

/** Within `onread`: the number of bytes, or libuv's error number. */
export function lastRead(): number {
  return streamBaseState[kReadBytesOrError]!;
}

/** What `lastRead()` is from now on, for an `onread` that is called later than the runtime would. */
export function setLastRead(value: number): void {
  streamBaseState[kReadBytesOrError] = value;
}

/** Undefined once the socket is destroyed. */
export function handleOf(socket: Socket): StreamHandle | undefined {
  return (socket as unknown as { readonly _handle: StreamHandle | null })._handle ?? undefined;
}

function streamBinding(): StreamBinding {
  const { binding } = process as unknown as { binding(name: string): StreamBinding };
  const found = binding("stream_wrap");
  const isAsExpected =
    typeof found.WriteWrap === "function" &&
    found.streamBaseState instanceof Int32Array &&
    typeof found.kReadBytesOrError === "number" &&
    typeof found.kLastWriteWasAsync === "number";
  if (isAsExpected) return found;
  throw new Error(`this runtime (${process.version}) has other stream handles than Tulle knows`);
}
