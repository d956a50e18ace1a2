/** Computes layouts beside the page, which answers to its user meanwhile. Loaded as `/assets/topology-worker.js`. */
import type { Layout, LayoutRequest } from "./layout-types.ts";
import { meshLayout } from "./mesh-layout.ts";

/** What of a worker's global scope is used: the library of types has the page's. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<LayoutRequest>) => void) | null;
  postMessage(layout: Layout): void;
}

const scope = self as unknown as WorkerScope;
scope.onmessage = ({ data }) => scope.postMessage(meshLayout(data));
