/** The side of the sidecar that comes: takes sockets over, and says when it does the work. */
import type { Clock } from "../../core/clock.ts";
import { MeshError } from "../../core/errors.ts";
import { RESTART_SOCKETS_MS_MAX } from "../../core/limits.ts";
import { InheritedSockets } from "./inherited-sockets.ts";
import type { HandoverEnd } from "./messages.ts";

export class Successor {
  readonly sockets: InheritedSockets;
  /** How many sidecars came before this one since the first was started. */
  readonly epoch: number;
  readonly #end: HandoverEnd;

  /** Resolves when all sockets are here. Rejects with MeshError `restart-failed` when they do not come. */
  static async begin(end: HandoverEnd, clock: Clock): Promise<Successor> {
    const sockets = new InheritedSockets();
    const epoch = await new Promise<number>((resolve, reject) => {
      const timer = clock.schedule(RESTART_SOCKETS_MS_MAX, () => {
        const message = "the sidecar before this one does not hand its sockets over";
        reject(new MeshError({ code: "restart-failed" }, message));
      });
      end.onMessage((message, handle) => {
        if (message.kind === "socket" && handle !== undefined) sockets.add(message.socket, handle);
        if (message.kind !== "sockets") return;
        timer.cancel();
        resolve(message.epoch);
      });
      end.send({ kind: "take-over" });
    });
    return new Successor(end, sockets, epoch);
  }

  private constructor(end: HandoverEnd, sockets: InheritedSockets, epoch: number) {
    this.#end = end;
    this.sockets = sockets;
    this.epoch = epoch;
  }

  /** The control plane is about to end the other one's stream: it must not open another. */
  linking(): void {
    this.#end.send({ kind: "linking" });
  }

  /** Serves. Sockets that are not needed any more are closed. */
  live(): void {
    this.sockets.closeRest();
    this.#end.send({ kind: "live" });
  }
}
