/**
 * Which listener of this proxy has which address, while several workers bind it. The first worker's
 * wish is tried with a socket that shares with nobody: it shows whether another process is there, and
 * makes a port of port 0.
 */
import { createServer } from "node:net";
import { MeshError } from "../../core/errors.ts";
import { socketFailure } from "../../net/node-error.ts";
import type { ListenFailed } from "../../net/tcp-listener.ts";

interface Reservation {
  readonly listener: string;
  readonly host: string;
  /** What the configuration asks for, which may be 0. */
  readonly askedPort: number;
  /** Resolves with the port to bind. */
  readonly port: Promise<number>;
  /** The same once it is known, before that 0. */
  boundPort: number;
  /** Workers that have it, by index. */
  readonly holders: Set<number>;
}

export class AddressReservations {
  readonly #reservations = new Set<Reservation>();

  /** Resolves with the port to bind. Rejects with MeshError<ListenFailed>. */
  async reserve(worker: number, listener: string, host: string, port: number): Promise<number> {
    const found = this.#find(listener, host, port);
    if (found === undefined) return await this.#add(worker, listener, host, port);
    if (found.listener !== listener) {
      throw taken(host, port, `listener ${found.listener} of this proxy has it`);
    }
    found.holders.add(worker);
    return await found.port;
  }

  /** `port` is what `reserve` gave. */
  release(worker: number, listener: string, host: string, port: number): void {
    for (const one of this.#reservations) {
      if (one.listener !== listener || one.host !== host || one.boundPort !== port) continue;
      this.#leave(one, worker);
    }
  }

  /** A worker is gone, and its sockets with it. */
  releaseAll(worker: number): void {
    for (const one of this.#reservations) this.#leave(one, worker);
  }

  #find(listener: string, host: string, port: number): Reservation | undefined {
    for (const one of this.#reservations) {
      if (one.host !== host) continue;
      // Two listeners with port 0 have two ports.
      const isSame = port === 0 ? one.askedPort === 0 && one.listener === listener : false;
      if (isSame || (port !== 0 && (one.askedPort === port || one.boundPort === port))) return one;
    }
    return undefined;
  }

  async #add(worker: number, listener: string, host: string, port: number): Promise<number> {
    const reservation: Reservation = {
      ...{ listener, host, askedPort: port, boundPort: 0 },
      port: tryAddress(host, port),
      holders: new Set([worker]),
    };
    this.#reservations.add(reservation);
    try {
      reservation.boundPort = await reservation.port;
      return reservation.boundPort;
    } catch (error) {
      this.#reservations.delete(reservation);
      throw error;
    }
  }

  #leave(reservation: Reservation, worker: number): void {
    const wasHolder = reservation.holders.delete(worker);
    if (wasHolder && reservation.holders.size === 0) this.#reservations.delete(reservation);
  }
}

async function tryAddress(host: string, port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(taken(host, port, socketFailure(error).reason)));
    server.listen({ host, port }, resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  return typeof address === "object" && address !== null ? address.port : port;
}

function taken(host: string, port: number, reason: string): MeshError<ListenFailed> {
  const address = `${host}:${port}`;
  const detail: ListenFailed = { code: "listen-failed", address, reason };
  return new MeshError(detail, `cannot listen on ${address}: ${reason}`);
}
