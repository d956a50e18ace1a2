/**
 * Addresses that several workers listen on, each with a socket of its own. The kernel lets any process
 * of the same user join in, so somebody has to see to it that only the workers of one listener do.
 */
export interface SharedAddresses {
  /**
   * Asked before a socket is bound. Resolves with the port, which for 0 is one that is free and the
   * same for all workers. Rejects with MeshError<ListenFailed> when another process has the address,
   * or another listener of this proxy.
   */
  reserve(listener: string, host: string, port: number): Promise<number>;
  /** Told of a socket that the process before this one had: `port` is what is asked for, `boundPort` what it has. */
  adopt(listener: string, host: string, port: number, boundPort: number): Promise<void>;
  /** Told when the socket is closed. `port` is what `reserve` gave. */
  release(listener: string, host: string, port: number): void;
}
