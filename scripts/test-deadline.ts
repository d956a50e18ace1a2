/**
 * Loaded before each test file in CI: ends the file's process when it is still there long after the runner's own
 * timeout has failed its test, for a loop that nobody ends would hold a place in the run until all of it is cut off.
 */
const FILE_MS_MAX = 400_000;

setTimeout(() => {
  console.error(
    `${process.argv[1]} still ran after ${FILE_MS_MAX / 1000} s: which loop has no end?`,
  );
  process.exit(1);
}, FILE_MS_MAX).unref();
