/**
 * The program `tulle`: binds the CLI to this process. A sidecar is started before anything of the CLI loads,
 * because one runs beside every service and its memory counts.
 */
import type { Programs } from "../cli/command-entry.ts";

const [first, ...others] = process.argv.slice(2);
const isHelp = others.includes("--help") || others.includes("-h");

const HOLD_MS = 60_000;

const programs: Programs = {
  controlPlane: async (flags) => (await import("./control-plane.ts")).runControlPlane(flags),
  sidecar: async (words) => (await import("./sidecar.ts")).runSidecar(words),
  explain: {
    inDocuments: async (request, files) =>
      (await import("./explain.ts")).explain.inDocuments(request, files),
    authorize: async (request, files) =>
      (await import("./explain.ts")).explain.authorize(request, files),
    inDump: async (request, dump) => (await import("./explain.ts")).explain.inDump(request, dump),
  },
};

process.exitCode =
  first === "sidecar" && !isHelp ? await programs.sidecar(others) : await runCommand();

async function runCommand(): Promise<number> {
  const [{ commandTable }, { runCli }, { systemClock }] = await Promise.all([
    import("../cli/command-table.ts"),
    import("../cli/run-cli.ts"),
    import("../core/clock.ts"),
  ]);
  // `tulle get … | head` closes our standard output early: that is the reader's right, and no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
  });
  const interrupted = new AbortController();
  // Once: a second signal has its default effect, unless the command listens itself.
  process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
  // Waiting may hang on nothing but timers that do not hold a process.
  const hold = setInterval(() => {}, HOLD_MS);
  return await runCli(
    {
      words: process.argv.slice(2),
      stdout: process.stdout,
      stderr: process.stderr,
      readStdin: async () => (await import("node:stream/consumers")).text(process.stdin),
      isStdinTTY: process.stdin.isTTY === true,
      env: process.env,
      cwd: process.cwd(),
      clock: systemClock,
      signal: interrupted.signal,
    },
    commandTable(programs),
  ).finally(() => clearInterval(hold));
}
