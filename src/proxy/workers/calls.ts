/** What the coordinator and its workers ask of each other. Everything is plain data: it is cloned on the way. */
import type { LogLevel } from "../../core/logger.ts";
import type { IdentityUpdate } from "../../identity/svid.ts";
import type { FamilySnapshot } from "../../telemetry/metric-snapshot.ts";
import type { ResourceError, ResourceUpdate } from "../../xds/resource-consumer.ts";
import type { ProxyStatus } from "../admin/proxy-status.ts";
import type { WorkerPlace } from "../connection-limit.ts";
import type { DrainDirection } from "../drain.ts";
import type { RefreshClaim, RefreshEnd } from "../oidc/shared-refreshes.ts";

/** Names that a proxy wants to hear of, by type URL. */
export type WantedNames = ReadonlyMap<string, readonly string[]>;

export interface StartInput {
  /** The Bootstrap message, so that a worker that starts later runs the same file. */
  readonly bootstrap: Uint8Array;
  readonly place: WorkerPlace;
  /** For messages. */
  readonly bootstrapFile: string;
  readonly trustDomain: string;
  readonly version: string;
  readonly logLevel: LogLevel;
  readonly identity: IdentityUpdate | undefined;
  /** The configuration in force, in the order in which it is to be applied. */
  readonly updates: readonly ResourceUpdate[];
  readonly missing: readonly MissingNames[];
  /** Drains that were announced before. */
  readonly drains: readonly DrainDirection[];
}

export interface MissingNames {
  readonly typeUrl: string;
  readonly names: readonly string[];
}

export interface StartOutput {
  readonly wanted: WantedNames;
}

/** Answered by a worker. */
export interface WorkerCalls {
  /** Takes the configuration in force, then listens. The first call. */
  readonly start: { readonly input: StartInput; readonly output: StartOutput };
  /** Compiles an update and changes nothing. */
  readonly prepare: { readonly input: ResourceUpdate; readonly output: readonly ResourceError[] };
  /** Takes what was prepared last, but for resources with these names. Answered when listeners are bound. */
  readonly commit: { readonly input: readonly string[]; readonly output: WantedNames };
  readonly missing: { readonly input: MissingNames; readonly output: undefined };
  readonly identity: { readonly input: IdentityUpdate; readonly output: undefined };
  readonly logLevel: { readonly input: LogLevel; readonly output: undefined };
  readonly metrics: { readonly input: undefined; readonly output: readonly FamilySnapshot[] };
  readonly status: { readonly input: undefined; readonly output: ProxyStatus };
  readonly announceDrain: { readonly input: DrainDirection; readonly output: undefined };
  /** Answered when what was in flight is done, or the time is over. */
  readonly drain: {
    readonly input: { direction: DrainDirection; graceMs: number };
    readonly output: undefined;
  };
  /** Sends its listening sockets, each in a message of its own, then answers. */
  readonly sockets: { readonly input: undefined; readonly output: undefined };
  /** Another process has taken over. Answered when what it carries has ended, or after so many milliseconds. */
  readonly replace: { readonly input: number; readonly output: undefined };
  /** Cuts what is left and ends the process. */
  readonly stop: { readonly input: undefined; readonly output: undefined };
}

export interface AddressInput {
  readonly listener: string;
  readonly host: string;
  readonly port: number;
}

export interface AdoptInput extends AddressInput {
  readonly boundPort: number;
}

/** Answered by the coordinator. */
export interface CoordinatorCalls {
  /** Nothing of its configuration is awaited any more. */
  readonly ready: { readonly input: undefined; readonly output: undefined };
  readonly reserve: { readonly input: AddressInput; readonly output: number };
  readonly adopt: { readonly input: AdoptInput; readonly output: undefined };
  readonly release: { readonly input: AddressInput; readonly output: undefined };
  /** Answered when it is known who refreshes a session, or what came of it. */
  readonly claimRefresh: { readonly input: string; readonly output: RefreshClaim };
  readonly endRefresh: { readonly input: RefreshEnd; readonly output: undefined };
}
