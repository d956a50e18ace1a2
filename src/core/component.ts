/** What lives long: started in order, stopped in reverse order, by one supervisor. */

export interface Component {
  readonly name: string;
  start(): Promise<void>;
  /** Ends within `graceMs`, by force if need be. Safe to call when `start` failed or never ran. */
  stop(graceMs: number): Promise<void>;
}

/** Starts every component; when one fails, stops it and those before it, and rethrows its error. */
export async function startAll(components: readonly Component[]): Promise<void> {
  for (const [index, component] of components.entries()) {
    try {
      await component.start();
    } catch (error) {
      // What fails now only follows from the error that is thrown.
      await stopAll(components.slice(0, index + 1), 0).catch(() => {});
      throw error;
    }
  }
}

/** Stops in reverse order. One that fails to stop does not keep the others alive. */
export async function stopAll(components: readonly Component[], graceMs: number): Promise<void> {
  const failures: unknown[] = [];
  for (const component of components.toReversed()) {
    try {
      await component.stop(graceMs);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "components failed to stop");
}
