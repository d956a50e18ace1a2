/** What is wrong in a configuration message, and where. Compilers collect these and never throw. */

export interface FieldError {
  /** Protobuf path from the resource's root, as in `virtual_hosts[0].routes[2].match.safe_regex`. */
  readonly path: string;
  readonly message: string;
}

/** The joined text that a NACK or a start-up error carries. */
export function fieldErrorText(errors: readonly FieldError[]): string {
  return errors.map((error) => `${error.path}: ${error.message}`).join("; ");
}
