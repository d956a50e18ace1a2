/** Byte helpers of the hot paths. */

interface Latin1Sliceable {
  latin1Slice(start: number, end: number): string;
}

/**
 * Bytes as a string with one character a byte: lossless for any bytes. Calls Buffer's own encoder
 * directly; `toString` would look the encoding up by name each time.
 */
export function latin1(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as Latin1Sliceable).latin1Slice(start, end);
}

/** The same Latin-1 text on its own: a slice keeps the whole text that it was cut from in memory. */
export function detached(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  return latin1(bytes, 0, bytes.length);
}

interface Latin1Writable {
  latin1Write(text: string, at: number, length: number): number;
}

/** Writes at most `length` characters, of which each is a byte. Returns how many. */
export function writeLatin1(bytes: Buffer, text: string, at: number, length: number): number {
  return (bytes as unknown as Latin1Writable).latin1Write(text, at, length);
}
