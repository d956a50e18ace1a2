/**
 * Failures that a user can cause or meet. Each carries a sentence that says what is wrong and, where
 * there is one, a hint that says what to do next; neither is ever printed with a stack trace.
 */
import { MeshError } from "../core/errors.ts";
import { EXIT_CANNOT_CONNECT, EXIT_FINDINGS, EXIT_TIMED_OUT, EXIT_USAGE } from "./exit-codes.ts";

export type CliErrorDetail =
  /** The command line is wrong: unknown command, flag, kind, or a value out of its range. */
  | { readonly code: "CLI_USAGE"; readonly hint?: string }
  /** Nothing answered at the address, or no address could be found. */
  | { readonly code: "CLI_CANNOT_CONNECT"; readonly hint?: string }
  /** The deadline of `--timeout` passed first. */
  | { readonly code: "CLI_TIMED_OUT"; readonly hint?: string }
  /** The request was understood and refused, or what it names does not exist. */
  | { readonly code: "CLI_FAILED"; readonly hint?: string };

export type CliErrorCode = CliErrorDetail["code"];

export class CliError extends MeshError<CliErrorDetail> {
  constructor(code: CliErrorCode, message: string, hint?: string, cause?: unknown) {
    super(hint === undefined ? { code } : { code, hint }, message, cause);
    this.name = "CliError";
  }
}

/** A wrong command line. `hint` names the fix. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError("CLI_USAGE", message, hint);
}

/** A request that was understood but cannot be done. */
export function failedError(message: string, hint?: string): CliError {
  return new CliError("CLI_FAILED", message, hint);
}

/** The exit code that belongs to a thrown value. A server's `option-invalid` is about the command line. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof MeshError && error.code === "option-invalid") return EXIT_USAGE;
  if (!(error instanceof CliError)) return EXIT_FINDINGS;
  switch (error.detail.code) {
    case "CLI_USAGE":
      return EXIT_USAGE;
    case "CLI_CANNOT_CONNECT":
      return EXIT_CANNOT_CONNECT;
    case "CLI_TIMED_OUT":
      return EXIT_TIMED_OUT;
    case "CLI_FAILED":
      return EXIT_FINDINGS;
  }
}
