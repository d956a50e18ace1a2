/** Asks by connecting, and by bytes where the health check has some. */
import type { Socket } from "node:net";
import { HEALTH_CHECK_BYTES_MAX } from "../../core/limits.ts";
import { guarded } from "../callback-faults.ts";
import type { TcpProbeSettings } from "../config/probe-config.ts";
import type { DialResult, PendingDial } from "../dialer.ts";
import { containsInOrder, networkFailure, type Probe, type ProbeHandler } from "./probe.ts";
import type { ProbeServices } from "./probe-services.ts";

export class TcpProbe implements Probe {
  readonly #settings: TcpProbeSettings;
  readonly #services: ProbeServices;
  readonly #handler: ProbeHandler;
  #dial: PendingDial | undefined;
  #socket: Socket | undefined;
  #isAsking = false;
  #received = Buffer.alloc(0);

  constructor(settings: TcpProbeSettings, services: ProbeServices, handler: ProbeHandler) {
    this.#settings = settings;
    this.#services = services;
    this.#handler = handler;
  }

  begin(): void {
    this.#isAsking = true;
    this.#received = Buffer.alloc(0);
    if (this.#socket !== undefined) {
      this.#send(this.#socket);
      return;
    }
    const { dialer, target, alpn } = this.#services;
    this.#dial = dialer.dial(target(), alpn ?? [], (result) => this.#onDialed(result));
  }

  giveUp(): void {
    this.close();
  }

  close(): void {
    this.#isAsking = false;
    this.#dial?.abort();
    this.#dial = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  #onDialed(result: DialResult): void {
    this.#dial = undefined;
    if (result.kind !== "connected") {
      this.#fail("reason" in result ? result.reason : result.kind);
      return;
    }
    const { socket } = result;
    socket.on("error", () => {});
    if (this.#settings.receive.length === 0) {
      // Only that it can be connected to is asked. As in Envoy nothing is sent.
      socket.destroy();
      this.#pass();
      return;
    }
    this.#socket = socket;
    const owner = {
      onFault: (error: unknown) => this.#services.faults.report("health check", error),
    };
    socket.on(
      "data",
      guarded(owner, (bytes: Buffer) => this.#onData(bytes)),
    );
    socket.once(
      "close",
      guarded(owner, () => this.#onClosed(socket)),
    );
    this.#send(socket);
  }

  #send(socket: Socket): void {
    if (this.#settings.send.length > 0) socket.write(this.#settings.send);
  }

  #onData(bytes: Buffer): void {
    if (!this.#isAsking) return;
    const kept = this.#received.length + bytes.length;
    if (kept > HEALTH_CHECK_BYTES_MAX) {
      this.close();
      this.#handler.onProbeFailed(networkFailure("an answer without end"));
      return;
    }
    this.#received = Buffer.concat([this.#received, bytes]);
    if (!containsInOrder(this.#received, this.#settings.receive)) return;
    if (!this.#services.reusesConnection) this.close();
    this.#pass();
  }

  #onClosed(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    if (this.#isAsking) this.#fail("the endpoint ended the connection");
  }

  #pass(): void {
    this.#isAsking = false;
    this.#handler.onProbePassed(false);
  }

  #fail(reason: string): void {
    this.#isAsking = false;
    this.#handler.onProbeFailed(networkFailure(reason));
  }
}
