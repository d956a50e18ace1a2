/** What can go wrong in the control plane itself; each code says what its reader may conclude. */
import { MeshError } from "../core/errors.ts";
import type { Blocker } from "./ca-types.ts";

export type ControlPlaneErrorDetail =
  /** Another live control plane owns the state directory. Nothing was touched. */
  | { readonly code: "control-plane-running"; readonly pid: number | undefined }
  /** The state directory cannot be used as it is (permissions, owner, not a directory). */
  | { readonly code: "state-directory-unusable"; readonly path: string }
  /** An address that was asked for by name is taken, or cannot be bound. */
  | { readonly code: "address-unusable"; readonly address: string }
  /** An option's value breaks its rule. */
  | { readonly code: "option-invalid"; readonly option: string }
  /** A token of the admin API cannot be made. */
  | { readonly code: "admin-token-refused" }
  /** Every position in the block of loopback addresses belongs to a Service already. */
  | { readonly code: "service-index-exhausted"; readonly service: string }
  /** A rotation, or a root's retirement, would take access from somebody, or there is none to speak of. */
  | {
      readonly code: "rotation-refused";
      readonly blockers: readonly Blocker[];
      readonly hint: string | undefined;
    }
  /** The telemetry store cannot answer now. Nothing of the mesh depends on it. */
  | { readonly code: "telemetry-unavailable" }
  /** A proxy says that it is somebody whom its certificate does not name, or says it badly. */
  | { readonly code: "proxy-refused"; readonly proxy: string };

export type ControlPlaneError = MeshError<ControlPlaneErrorDetail>;

/** Builds the error; `message` is a sentence for an operator. */
export function controlPlaneError(
  detail: ControlPlaneErrorDetail,
  message: string,
  cause?: unknown,
): ControlPlaneError {
  return new MeshError(detail, message, cause);
}
