/** Where a sidecar is in its life, and how the admin port says it. */
import type { Node } from "../gen/envoy/config/core/v3/base_pb.js";
import type { MeshLink } from "./mesh-link.ts";

export class SidecarState {
  readonly #node: Node | undefined;
  readonly #version: string;
  readonly #epoch: number;
  #phase: "starting" | "live" | "draining" = "starting";

  /** `epoch`: how many processes served this proxy before, one taking over from the other. */
  constructor(node: Node | undefined, version: string, epoch: number) {
    this.#node = node;
    this.#version = version;
    this.#epoch = epoch;
  }

  becomeLive(): void {
    if (this.#phase === "starting") this.#phase = "live";
  }

  becomeDraining(): void {
    this.#phase = "draining";
  }

  /** For `/ready`; undefined when it is. */
  notReadyReason(link: MeshLink | undefined): string | undefined {
    if (this.#phase === "live") return undefined;
    if (this.#phase === "draining") return "DRAINING";
    const error = link?.ads.state.lastError?.message ?? link?.identity?.status.lastError;
    const waiting = "PRE_INITIALIZING: waiting for the control plane";
    return error === undefined ? waiting : `${waiting} (${error})`;
  }

  /** For `/server_info`. */
  info(): Readonly<Record<string, unknown>> {
    const names = { starting: "INITIALIZING", live: "LIVE", draining: "DRAINING" } as const;
    return {
      version: this.#version,
      state: names[this.#phase],
      restart_epoch: this.#epoch,
      node: { id: this.#node?.id ?? "", cluster: this.#node?.cluster ?? "" },
    };
  }
}
