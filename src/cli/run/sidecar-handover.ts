/**
 * Starts the successors of a sidecar when it asks for one, and passes on what the two tell each other, sockets
 * included, so that both are processes of ours: the new one is kept running as the first one was.
 */
import type { Serializable } from "node:child_process";
import type { HandoverMessage } from "../../proxy/handover/messages.ts";
import { describeStatus, type ProcessGroup } from "./process-group.ts";

export interface SidecarHandoverOptions {
  /** Starts a sidecar that takes over. */
  readonly startSuccessor: () => ProcessGroup;
  /** `successor` serves; `group` ends what it carries, then itself. */
  readonly onReplaced: (group: ProcessGroup, successor: ProcessGroup) => void;
}

interface Closable {
  close(): void;
}

/** Listens to a sidecar, and to all that come after it. */
export function followSuccessors(group: ProcessGroup, options: SidecarHandoverOptions): void {
  let successor: ProcessGroup | undefined;
  group.child.on("message", (message: unknown, handle: unknown) => {
    const { kind } = message as HandoverMessage;
    if (kind === "restart") successor ??= begin();
    else if (kind === "failed") endSuccessor();
    else if (successor !== undefined) pass(successor, message, handle);
  });
  // One that dies meanwhile is started again in any case.
  void group.exited.then(endSuccessor);

  function endSuccessor(): void {
    const given = successor;
    successor = undefined;
    void given?.stop(0);
  }

  function begin(): ProcessGroup {
    const started = options.startSuccessor();
    started.child.on("message", (message: unknown) => {
      if (successor !== started) return;
      pass(group, message, undefined);
      if ((message as HandoverMessage).kind !== "live") return;
      successor = undefined;
      options.onReplaced(group, started);
      followSuccessors(started, options);
    });
    void started.exited.then((status) => {
      if (successor !== started) return;
      successor = undefined;
      pass(group, { kind: "failed", reason: `it ${describeStatus(status)}` }, undefined);
    });
    return started;
  }
}

/** What passes through here is not kept: a listening socket would stay open for as long as we run. */
function pass({ child }: ProcessGroup, message: unknown, handle: unknown): void {
  const close = (): void => (handle as Closable | undefined)?.close();
  if (child.connected) child.send(message as Serializable, handle as never, {}, close);
  else close();
}
