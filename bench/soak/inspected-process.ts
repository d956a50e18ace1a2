/** What a Node process says about itself through its inspector, and the kernel about it. */
import { readdirSync } from "node:fs";
import WebSocket from "ws";

export interface Usage {
  /** Behind a collection, in bytes. */
  readonly heapBytes: number;
  readonly descriptors: number;
  readonly timers: number;
}

interface Answer {
  readonly id: number;
  readonly result: { readonly usedSize?: number; readonly result?: { readonly value?: unknown } };
}

export class InspectedProcess {
  readonly #pid: number;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer["result"]) => void>();
  #lastId = 0;

  private constructor(pid: number, socket: WebSocket) {
    this.#pid = pid;
    this.#socket = socket;
    socket.on("message", (data) => {
      const answer: Answer = JSON.parse(String(data));
      this.#waiting.get(answer.id)?.(answer.result);
      this.#waiting.delete(answer.id);
    });
  }

  static async attach(inspectorPort: number): Promise<InspectedProcess> {
    const response = await fetch(`http://127.0.0.1:${inspectorPort}/json`);
    const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[];
    if (target === undefined) throw new Error(`nothing to inspect on port ${inspectorPort}`);
    const socket = new WebSocket(target.webSocketDebuggerUrl, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const unnamed = new InspectedProcess(0, socket);
    const pid = Number(await unnamed.#evaluate("process.pid"));
    return new InspectedProcess(pid, socket);
  }

  async usage(): Promise<Usage> {
    // Twice: what a finalizer lets go is collected by the second.
    await this.#ask("HeapProfiler.collectGarbage", {});
    await this.#ask("HeapProfiler.collectGarbage", {});
    const { usedSize } = await this.#ask("Runtime.getHeapUsage", {});
    const timers = await this.#evaluate(
      "process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length",
    );
    return {
      heapBytes: usedSize ?? 0,
      descriptors: readdirSync(`/proc/${this.#pid}/fd`).length,
      timers: Number(timers),
    };
  }

  close(): void {
    this.#socket.close();
  }

  async #evaluate(expression: string): Promise<unknown> {
    const { result } = await this.#ask("Runtime.evaluate", { expression, returnByValue: true });
    return result?.value;
  }

  async #ask(method: string, params: object): Promise<Answer["result"]> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<Answer["result"]>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    return await answer;
  }
}
