/** Ends of a handover's channel: the process that started this one, and a process that this one starts. */
import { spawn } from "node:child_process";
import { MeshError } from "../../core/errors.ts";
import type { HandoverEnd, HandoverListener, HandoverMessage } from "./messages.ts";

/** The end of a process that takes over. Throws MeshError `restart-failed` when nobody gave it one. */
export function starterEnd(): HandoverEnd {
  if (process.send === undefined) {
    const message = "this process was started without a channel to the one before it";
    throw new MeshError({ code: "restart-failed" }, message);
  }
  return {
    send: (message, handle, onSent = nothing) => {
      // Typed for sockets and servers; the runtime sends what is below them as well. With a callback, because
      // somebody who is gone is no error.
      if (process.connected) process.send?.(message, handle as never, undefined, () => onSent());
      else onSent();
    },
    onMessage: (listener) => void process.on("message", asListener(listener)),
    giveUp: () => {},
  };
}

/** Asks whoever keeps this process for a successor, and speaks with that one through it. */
export function askStarter(): HandoverEnd {
  const end = starterEnd();
  end.send({ kind: "restart" });
  return { ...end, giveUp: () => end.send({ kind: "failed", reason: "given up" }) };
}

/** Starts a process and speaks with it. That it ended is said as `failed`; once it was live that means nothing. */
export function startChild(command: readonly [string, ...string[]]): HandoverEnd {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  // It outlives this process, which must not wait for it.
  child.unref();
  return {
    send: (message, handle, onSent = nothing) => {
      if (child.connected) child.send(message, handle as never, {}, () => onSent());
      else onSent();
    },
    onMessage: (listener) => {
      child.on("message", asListener(listener));
      const fail = (reason: string): void => listener({ kind: "failed", reason }, undefined);
      child.once("error", (error) => fail(`it cannot be started: ${error.message}`));
      child.once("exit", (code, signal) => fail(`it ended with ${signal ?? `exit code ${code}`}`));
    },
    giveUp: () => void child.kill("SIGKILL"),
  };
}

function asListener(listener: HandoverListener): (message: unknown, handle: unknown) => void {
  return (message, handle) => {
    if (typeof message !== "object" || message === null || !("kind" in message)) return;
    const given = typeof handle === "object" && handle !== null ? handle : undefined;
    listener(message as HandoverMessage, given);
  };
}

function nothing(): void {}
