import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import { ERROR_CODE, errorCodeName } from "./error-code.ts";
import {
  canReceive,
  canSend,
  connectionError,
  isClosed,
  isConnectionError,
  isStreamError,
  RECEIPT_FINE,
  RECEIPT_IGNORED,
  receiptErrorCode,
  receiptOf,
  type StreamState,
  stateAfterEndReceived,
  stateAfterEndSent,
  streamError,
} from "./stream-state.ts";

const TYPES = [
  ...["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY"],
  ...["WINDOW_UPDATE", "CONTINUATION", "0xa", "0xff"],
];
const STATES = [
  ...["idle", "open", "half-closed (local)", "half-closed (remote)", "ended", "reset by us"],
  ...["reset by the peer", "skipped", "forgotten"],
];

/** Column by column: what RFC 9113 says, where `.` is fine, `-` dropped, `s` and `c` errors. */
const TABLE = `
              idle  open  local  remote  ended  by-us  by-peer  skipped  forgotten
DATA          cPROT .     .      sCLOS   cCLOS  -      sCLOS    cCLOS    -
HEADERS       .     .     .      sCLOS   cCLOS  -      sCLOS    cPROT    -
PRIORITY      .     .     .      .       .      .      .        .        .
RST_STREAM    cPROT .     .      .       -      -      -        cCLOS    -
SETTINGS      cPROT cPROT cPROT  cPROT   cPROT  cPROT  cPROT    cPROT    cPROT
PUSH_PROMISE  cPROT cPROT cPROT  cPROT   cPROT  cPROT  cPROT    cPROT    cPROT
PING          cPROT cPROT cPROT  cPROT   cPROT  cPROT  cPROT    cPROT    cPROT
GOAWAY        cPROT cPROT cPROT  cPROT   cPROT  cPROT  cPROT    cPROT    cPROT
WINDOW_UPDATE cPROT .     .      .       -      -      -        cCLOS    -
CONTINUATION  cPROT cPROT cPROT  cPROT   cPROT  cPROT  cPROT    cPROT    cPROT
0xa           -     -     -      -       -      -      -        -        -
0xff          -     -     -      -       -      -      -        -        -
`;

function told(receipt: number): string {
  if (receipt === RECEIPT_FINE) return ".";
  if (receipt === RECEIPT_IGNORED) return "-";
  assert.notEqual(isStreamError(receipt), isConnectionError(receipt));
  const name = errorCodeName(receiptErrorCode(receipt));
  return `${isStreamError(receipt) ? "s" : "c"}${name === "STREAM_CLOSED" ? "CLOS" : name.slice(0, 4)}`;
}

describe("frames in each state", () => {
  for (const line of TABLE.trim().split("\n").slice(1)) {
    const [name = "", ...expected] = line.split(/ +/);
    const type = name.startsWith("0x") ? Number(name) : TYPES.indexOf(name);
    for (const [state, stateName] of STATES.entries()) {
      test(`${name} on a stream that is ${stateName}: ${expected[state]}`, () => {
        assert.equal(told(receiptOf(state as StreamState, type)), expected[state]);
      });
    }
  }
});

describe("changes of state", () => {
  test("END_STREAM closes half, then all", () => {
    for (const [from, received, sent] of [
      [1, 3, 2],
      [2, 4, undefined],
      [3, undefined, 4],
    ] as const) {
      if (received !== undefined) {
        assert.ok(canReceive(from));
        assert.equal(stateAfterEndReceived(from), received);
      }
      if (sent !== undefined) {
        assert.ok(canSend(from));
        assert.equal(stateAfterEndSent(from), sent);
      }
    }
    const states = STATES.map((_, state) => state as StreamState);
    assert.deepEqual(states.filter(canSend), [1, 3]);
    assert.deepEqual(states.filter(canReceive), [1, 2]);
    assert.deepEqual(states.filter(isClosed), [4, 5, 6, 7, 8]);
  });

  test("two sides that keep to the rules never see an error, however their frames cross", () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(5)), { maxLength: 40 });
    fc.assert(
      fc.property(steps, (script) => {
        const states: [StreamState, StreamState] = [1, 1];
        // What is on its way to each side, in order.
        const wires: [number[], number[]] = [[], []];
        for (const [isFirst, action] of script) {
          const me = isFirst ? 0 : 1;
          if (action < 2) receive(states, me, wires[me]);
          else send(states, me, wires[1 - me] as number[], action);
        }
        for (const me of [0, 1] as const)
          while (wires[me].length > 0) receive(states, me, wires[me]);
      }),
    );
  });
});

const END = 0x100;
const DATA = 0;
const RST_STREAM = 3;
const WINDOW_UPDATE = 8;

function send(states: [StreamState, StreamState], me: 0 | 1, wire: number[], action: number): void {
  const state = states[me];
  if (action === 2 && canSend(state)) wire.push(DATA);
  if (action === 3 && canSend(state)) {
    wire.push(DATA | END);
    states[me] = stateAfterEndSent(state);
  }
  if (action === 4 && canReceive(state)) wire.push(WINDOW_UPDATE);
  if (action === 5 && !isClosed(state)) {
    wire.push(RST_STREAM);
    states[me] = 5;
  }
}

function receive(states: [StreamState, StreamState], me: 0 | 1, wire: number[]): void {
  const frame = wire.shift();
  if (frame === undefined) return;
  const receipt = receiptOf(states[me], frame & 0xff);
  assert.ok(receipt <= RECEIPT_IGNORED, `${STATES[states[me]]}: ${TYPES[frame & 0xff]}`);
  if (receipt === RECEIPT_IGNORED) return;
  if ((frame & END) !== 0) states[me] = stateAfterEndReceived(states[me]);
  if (frame === RST_STREAM) states[me] = 6;
}

test("errors carry their code and scope", () => {
  for (const code of Object.values(ERROR_CODE)) {
    assert.equal(receiptErrorCode(streamError(code)), code);
    assert.equal(receiptErrorCode(connectionError(code)), code);
    assert.ok(isStreamError(streamError(code)) && !isConnectionError(streamError(code)));
    assert.ok(isConnectionError(connectionError(code)) && !isStreamError(connectionError(code)));
  }
});
