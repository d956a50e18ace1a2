/**
 * Runs another program in this one's place, for a Node without `process.execve`: the parent only
 * hands on signals and ends as the child ended. Plain JavaScript for Node 20.
 */
"use strict";
const { spawn } = require("node:child_process");

/** A terminal sends these to the whole process group; forwarding them would send them twice. */
const SIGNALS_OF_TERMINALS = ["SIGINT", "SIGQUIT"];
const SIGNALS = [...SIGNALS_OF_TERMINALS, "SIGTERM", "SIGHUP", "SIGUSR2"];

module.exports = { runAsChild };

/** `onError` is called with the error when the program cannot be started. */
function runAsChild(command, args, onError) {
  const child = spawn(command, args, { stdio: "inherit" });
  const hasTerminal = process.stdin.isTTY === true;
  for (const signal of SIGNALS) {
    const isSeenByChild = hasTerminal && SIGNALS_OF_TERMINALS.includes(signal);
    process.on(signal, () => isSeenByChild || child.kill(signal));
  }
  child.on("error", onError);
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
