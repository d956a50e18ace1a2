/** What unit tests of the frame decoder share: frames behind a connection's opening, and what must become of them. */
import assert from "node:assert/strict";
import { FRAME_PING } from "../../src/http2/frame.ts";
import type { FrameErrorName } from "../../src/http2/frame-error.ts";
import type { Role } from "../../src/http2/settings.ts";
import { type FrameEvent, frame, opening, recordFrames } from "./http2-frame-recorder.ts";

const OPENED: FrameEvent = ["settings", ""];

/** Latin-1 text as the recorder tells bytes. */
export function hex(text: string): string {
  return Buffer.from(text, "latin1").toString("hex");
}

/** The events of frames behind the opening: the same in one read and in single bytes. */
export function readFrames(role: Role, frames: readonly Buffer[]) {
  const bytes = Buffer.concat([opening(role), ...frames]);
  const whole = recordFrames(role, [bytes]);
  const single = recordFrames(
    role,
    Array.from(bytes, (byte) => Buffer.of(byte)),
  );
  assert.deepEqual({ ...single, keptBytesMax: 0 }, { ...whole, keptBytesMax: 0 });
  assert.deepEqual(whole.events[0], OPENED);
  return { ...whole, events: whole.events.slice(1) };
}

/** Fails unless the frames are read as these events without an error. */
export function assertRead(
  frames: readonly Buffer[],
  events: readonly FrameEvent[],
  role?: Role,
): void {
  const recorded = readFrames(role ?? "server", frames);
  assert.deepEqual(recorded.events, events);
  assert.equal(recorded.error, "");
  assert.equal(recorded.isBetweenFrames, true);
}

/** Fails unless the frames end in this error, and nothing behind them is read. */
export function assertConnectionError(
  frames: readonly Buffer[],
  error: FrameErrorName,
  role?: Role,
) {
  const following = frame(FRAME_PING, 0, 0, "12345678");
  const recorded = readFrames(role ?? "server", [...frames, following]);
  assert.equal(recorded.error, error);
  assert.equal(
    recorded.events.some(([kind]) => kind === "ping"),
    false,
  );
}
