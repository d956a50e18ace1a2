/** The processes of a case while they run, as one: what they use together. */
import { join } from "node:path";
import type { BenchCase } from "./cases.ts";
import { PinnedProcess } from "./pinned-process.ts";

export class RunningCase {
  readonly #processes: PinnedProcess[] = [];
  #startMs = 0;

  /** Runs the work once all listen on their ports, and ends them whatever comes of it. */
  static async during<T>(
    benchCase: BenchCase,
    options: { readonly core: number; readonly folder: string },
    work: (running: RunningCase) => Promise<T>,
  ): Promise<T> {
    const running = new RunningCase();
    try {
      await running.#start(benchCase, options.core, options.folder);
      return await work(running);
    } catch (error) {
      const { scenario, proxy } = benchCase;
      throw new Error(`${scenario} with ${proxy}: ${(error as Error).message}`, { cause: error });
    } finally {
      for (const process of running.#processes.toReversed()) await process.stop();
    }
  }

  /** From its start until a process accepts connections; of several, the slowest. */
  get startMs(): number {
    return this.#startMs;
  }

  cpuSeconds(): number {
    return this.#total((process) => process.cpuSeconds());
  }

  residentMegabytes(): number {
    return this.#total((process) => process.residentMegabytes());
  }

  async #start(benchCase: BenchCase, core: number, folder: string): Promise<void> {
    const log = join(folder, `${benchCase.proxy}.log`);
    for (const { command, port } of benchCase.processes) {
      const process = new PinnedProcess(command, core, log);
      this.#processes.push(process);
      this.#startMs = Math.max(this.#startMs, await process.listening(port));
    }
  }

  #total(of: (process: PinnedProcess) => number): number {
    return this.#processes.reduce((sum, process) => sum + of(process), 0);
  }
}
