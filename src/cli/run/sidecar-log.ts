/** Which lines of a sidecar's log people see who did not ask for them. */

/** Warnings and errors, in either format of the log. */
export function isWorthShowing(line: string): boolean {
  return /"level":"(?:warn|error)"|^\S+ (?:warn|error) /.test(line);
}
