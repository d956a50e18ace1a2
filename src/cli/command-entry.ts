/** A row of the command table, and the programs behind the commands that run for long. */
import type { AuthzCheckRequest, AuthzCheckResponse } from "../control-plane/authz-types.ts";
import type { ExplainRequest, ExplainResponse } from "../control-plane/explain/explain-types.ts";
import type { Command } from "./command.ts";
import type { DocumentFile } from "./read-documents.ts";

export const COMMAND_GROUPS = ["run", "configure", "observe", "inspect", "other"] as const;
export type CommandGroup = (typeof COMMAND_GROUPS)[number];

export interface CommandEntry {
  readonly name: string;
  /** The same text as in the command; a test compares. */
  readonly summary: string;
  readonly group: CommandGroup;
  /** Left out of help, the reference page and completion. */
  readonly isHidden?: boolean;
  load(): Promise<Command>;
}

/** The flags of `tulle control-plane`. */
export interface ControlPlaneFlags {
  readonly mesh: string | undefined;
  readonly stateDirectory: string | undefined;
  readonly adminAddress: string | undefined;
  readonly adminTlsAddress: string | undefined;
  readonly auditExports?: readonly string[];
  readonly xdsAddress: string | undefined;
  readonly xdsAdvertiseAddress: string | undefined;
  readonly trustDomain: string | undefined;
  readonly otlpAddress?: string | undefined;
  readonly telemetryRetention?: string | undefined;
  readonly telemetrySize?: string | undefined;
  readonly prometheus?: string | undefined;
  readonly bundleEndpointAddress?: string | undefined;
  readonly bundleEndpointCertFile?: string | undefined;
  readonly bundleEndpointKeyFile?: string | undefined;
  readonly caPassphraseFile: string | undefined;
  readonly issuerFile?: string | undefined;
  readonly giveUpFormerIssuer?: boolean | undefined;
  readonly rateLimitRedis: string | undefined;
  readonly rateLimitRedisFile: string | undefined;
  readonly logLevel: string;
  readonly logFormat: "json" | "text";
}

/** Explains requests without a control plane. Both throw `CliError`. */
export interface OfflineExplain {
  /** By the objects in these documents. */
  inDocuments(request: ExplainRequest, files: readonly DocumentFile[]): Promise<ExplainResponse>;
  /** By a proxy's parsed configuration dump. */
  inDump(request: ExplainRequest, dump: unknown): Promise<ExplainResponse>;
  /** What the policies in these documents say. */
  authorize(
    request: AuthzCheckRequest,
    files: readonly DocumentFile[],
  ): Promise<AuthzCheckResponse>;
}

/** What the CLI only knows the flags of. The long-running ones resolve with their exit code when they have stopped. */
export interface Programs {
  controlPlane(flags: ControlPlaneFlags): Promise<number>;
  /** Takes the words after `sidecar` as they are. */
  sidecar(words: readonly string[]): Promise<number>;
  readonly explain: OfflineExplain;
}
