/** What is written when the turn of the event loop is over: everything that it produced, in as few system calls as possible. */

export interface TurnWriter {
  /** Must not throw. */
  flush(): void;
}

/** Writers that have gathered something in this turn. */
const due: TurnWriter[] = [];

/** Once for each writer and turn. */
export function flushAtTurnEnd(writer: TurnWriter): void {
  if (due.push(writer) === 1) setImmediate(flushDue);
}

function flushDue(): void {
  for (let i = 0; i < due.length; i++) due[i]!.flush();
  due.length = 0;
}
