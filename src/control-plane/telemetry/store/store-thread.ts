/**
 * The thread of the telemetry store: takes what is sent in order, writes it down every ten seconds, answers questions. The
 * control plane's own thread only sends bytes.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../../core/assert.ts";
import { systemClock } from "../../../core/clock.ts";
import { messageOf } from "../../../core/errors.ts";
import { requestWeight } from "./request-weight.ts";
import type { StoreQuestions, StoreReply, StoreRequest, StoreSettings } from "./store-protocol.ts";
import { TelemetryEngine } from "./telemetry-engine.ts";

/** Figures; see `TelemetryEngine`. */
const FLUSH_MS = 10_000;
/** Records are on disk by then. */
const COMMIT_MS = 1_000;

const port = parentPort;
assert(port !== null, "the store's thread is started by the control plane");
const reply = (message: StoreReply): void => port.postMessage(message);
const engine = new TelemetryEngine(workerData as StoreSettings, systemClock.nowMs());
reply({ kind: "open", knownFromMs: engine.knownFromMs, setAside: engine.setAside });

/** What fails is told: the store goes on with what comes next. */
function guarded(signal: string, dropped: number, act: () => void): void {
  try {
    act();
  } catch (error) {
    reply({ kind: "trouble", signal, dropped, message: messageOf(error) });
  }
}

function take(request: StoreRequest): void {
  switch (request.kind) {
    case "metrics":
      guarded("metrics", request.tellers.length, () =>
        engine.addMetrics(request.bytes, request.tellers, systemClock.nowMs()),
      );
      break;
    case "logs":
      guarded("logs", request.logs.length, () => engine.addLogs(request.logs));
      break;
    case "spans":
      guarded("traces", request.spans.length, () => engine.addSpans(request.spans));
      break;
    case "events":
      guarded("events", request.events.length, () => engine.addEvents(request.events));
      break;
    case "question":
      answer(request);
      return;
    case "close":
      guarded("metrics", 0, () => engine.close(systemClock.nowMs()));
      reply({ kind: "closed" });
      port?.close();
      return;
  }
  reply({ kind: "done", weight: requestWeight(request) });
}

function answer({ id, question, query }: Extract<StoreRequest, { kind: "question" }>): void {
  try {
    const asked = query as StoreQuestions[typeof question]["query"] & never;
    reply({ kind: "answer", id, answer: engine.ask(question, asked, systemClock.nowMs()) });
  } catch (error) {
    reply({ kind: "failed", id, message: messageOf(error) });
  }
}

/** For ever; a timer of the clock does not keep the thread alive. */
function every(periodMs: number, act: () => void): void {
  systemClock.schedule(periodMs, () => {
    act();
    every(periodMs, act);
  });
}

port.on("message", take);
every(FLUSH_MS, () =>
  guarded("metrics", 0, () => {
    reply({ kind: "flushed", state: engine.flush(systemClock.nowMs()) });
  }),
);
every(COMMIT_MS, () => guarded("logs", 0, () => engine.commit()));
