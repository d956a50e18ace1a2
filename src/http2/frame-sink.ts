/**
 * Where a connection's frames are written: memory of the owner, who sends it when the turn of the event
 * loop is over. Frames are written in place, so that nothing is copied between the encoder and the socket.
 */
export interface FrameSink {
  /** The memory that is filled now. It may be another after `reserve`, and after every turn. */
  readonly bytes: Buffer;
  /** The first free byte in `bytes`. */
  readonly at: number;
  /** Too much waits for the peer to read: no DATA until the owner says so. Other frames are still taken. */
  readonly isBlocked: boolean;
  /** Whether the system has everything that was committed. */
  readonly isFlushed: boolean;
  /** Makes room for so many bytes from `at` on. */
  reserve(bytes: number): void;
  /** The bytes up to `at` are to be sent. */
  commit(at: number): void;
}
