/**
 * Layouts as a view has them: computed by the worker, one at a time, and kept, so that neither new figures nor the way back
 * move anything.
 */
import { useEffect, useState } from "preact/hooks";
import type { Layout, LayoutRequest } from "./layout-types.ts";

const WORKER = "/assets/topology-worker.js";
const KEPT_MAX = 32;

const layouts = new Map<string, Layout>();

class LayoutWorker {
  #worker: Worker | undefined;
  #isBusy = false;

  /** What was asked before and has not been answered is given up. */
  ask(
    request: LayoutRequest,
    { onLayout, onFailure }: { onLayout: (layout: Layout) => void; onFailure: () => void },
  ): void {
    if (this.#isBusy) this.stop();
    this.#worker ??= new Worker(WORKER);
    this.#isBusy = true;
    this.#worker.onmessage = ({ data }: MessageEvent<Layout>) => {
      this.#isBusy = false;
      onLayout(data);
    };
    this.#worker.onerror = () => {
      this.stop();
      onFailure();
    };
    this.#worker.postMessage(request);
  }

  /** Loads the script while figures are on their way. */
  start(): void {
    this.#worker ??= new Worker(WORKER);
  }

  stop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#isBusy = false;
  }
}

const worker = new LayoutWorker();

/** Of a view that is shown. */
export function useLayoutWorker(): void {
  useEffect(() => {
    worker.start();
    return () => worker.stop();
  }, []);
}

/** Undefined until it is there; "failed" where the worker could not be had. */
export function useLayout(request: LayoutRequest): Layout | "failed" | undefined {
  const { key } = request;
  const [, setCount] = useState(0);
  const [failed, setFailed] = useState<string>();
  useEffect(() => {
    if (layouts.has(key)) return;
    worker.ask(request, {
      onLayout: (layout) => {
        keep(layout);
        setCount((count) => count + 1);
      },
      onFailure: () => setFailed(key),
    });
    // The request is what its key says.
  }, [key]);
  return layouts.get(key) ?? (failed === key ? "failed" : undefined);
}

function keep(layout: Layout): void {
  layouts.set(layout.key, layout);
  for (const key of layouts.keys()) {
    if (layouts.size <= KEPT_MAX) break;
    layouts.delete(key);
  }
}
