/**
 * The windows that peers grant to us (RFC 9113 section 6.9): one for the connection, one for each stream.
 * A window is what may still be sent; it can be negative after SETTINGS_INITIAL_WINDOW_SIZE has shrunk.
 */
import { UINT31_MAX } from "./frame.ts";

/** SETTINGS_INITIAL_WINDOW_SIZE until it is changed, and the connection's first window (section 6.9.2). */
export const INITIAL_WINDOW_BYTES = 65_535;

export class SendWindow {
  #bytes: number;

  constructor(bytes: number = INITIAL_WINDOW_BYTES) {
    this.#bytes = bytes;
  }

  /** Bytes of DATA payload, padding included, that may be sent. Not above 0: none. */
  get bytes(): number {
    return this.#bytes;
  }

  /** For another stream. */
  reset(bytes: number): void {
    this.#bytes = bytes;
  }

  /** DATA was sent. `count` is not above `bytes`, or 0: an empty frame needs no window. */
  consume(count: number): void {
    this.#bytes -= count;
  }

  /**
   * WINDOW_UPDATE came. False above 2^31-1: FLOW_CONTROL_ERROR of the stream, or of the connection for its
   * own window (section 6.9.1). The window is unchanged then.
   */
  credit(increment: number): boolean {
    if (this.#bytes + increment > UINT31_MAX) return false;
    this.#bytes += increment;
    return true;
  }

  /**
   * SETTINGS_INITIAL_WINDOW_SIZE changed by `difference`, which concerns streams alone and may make the
   * window negative. False above 2^31-1: FLOW_CONTROL_ERROR of the connection (section 6.9.2).
   */
  shift(difference: number): boolean {
    return this.credit(difference);
  }
}
