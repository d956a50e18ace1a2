/** Exit codes of every command, the same for each output format. Scripts may rely on them. */

export const EXIT_OK = 0;
/** The command ran and something is not as it should be: findings, refused documents, not found. */
export const EXIT_FINDINGS = 1;
/** The command line itself is wrong. */
export const EXIT_USAGE = 2;
/** The control plane, or a proxy's admin address, cannot be reached. */
export const EXIT_CANNOT_CONNECT = 3;
/** What was waited for did not happen in time. */
export const EXIT_TIMED_OUT = 4;
