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
  /** Workers that have it, by index. None when all have died: they will want it back. */
  readonly holders: Set<number>;
}

export class AddressReservations {
  readonly #reservations = new Set<Reservation>();

  /** Resolves with the port to bind. Rejects with MeshError<ListenFailed>. */
  async reserve(worker: number, listener: string, host: string, port: number): Promise<number> {
    const found = this.#find(listener, host, port);
    const wish = { listener, host, askedPort: port };
    if (found === undefined) return await this.#add(worker, wish, port);
    if (found.holders.size === 0) {
      this.#reservations.delete(found);
      const isBack = found.listener === listener;
      return await this.#add(worker, wish, isBack ? found.boundPort : port);
    }
    if (found.listener !== listener) {
      throw taken(host, port, `listener ${found.listener} of this proxy has it`);
    }
    found.holders.add(worker);
    return await found.port;
  }

  /** A worker has a socket of the process before this one, `boundPort` of it, and so has each of the others. */
  adopt(worker: number, listener: string, host: string, port: number, boundPort: number): void {
    const found = [...this.#reservations].find(
      (one) => one.listener === listener && one.host === host && one.boundPort === boundPort,
    );
    if (found !== undefined) {
      found.holders.add(worker);
      return;
    }
    this.#reservations.add({
      ...{ listener, host, askedPort: port, port: Promise.resolve(boundPort), boundPort },
      holders: new Set([worker]),
    });
  }

  /** `port` is what `reserve` gave. */
  release(worker: number, listener: string, host: string, port: number): void {
    for (const one of this.#reservations) {
      if (one.listener !== listener || one.host !== host || one.boundPort !== port) continue;
      if (one.holders.delete(worker) && one.holders.size === 0) this.#reservations.delete(one);
    }
  }

  /** A worker has died, and its sockets with it. */
  onDied(worker: number): void {
    for (const { holders } of this.#reservations) holders.delete(worker);
  }

  #find(listener: string, host: string, port: number): Reservation | undefined {
    for (const one of this.#reservations) {
      if (one.host !== host) continue;
      // Two listeners with port 0 have two ports.
      const isSame =
        port === 0
          ? one.askedPort === 0 && one.listener === listener
          : one.askedPort === port || one.boundPort === port;
      if (isSame) return one;
    }
    return undefined;
  }

  async #add(
    worker: number,
    wish: Pick<Reservation, "listener" | "host" | "askedPort">,
    port: number,
  ): Promise<number> {
    const reservation: Reservation = {
      ...wish,
      port: tryAddress(wish.host, port),
      boundPort: 0,
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
