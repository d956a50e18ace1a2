/** Who waits for whom: cycles, and the order to stop in. */

/** From a name to the names that it waits for. Names that are no keys are ignored. */
export type DependencyGraph = ReadonlyMap<string, readonly string[]>;

/** A path that ends where it began, or undefined. */
export function dependencyCycle(graph: DependencyGraph): readonly string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): readonly string[] | undefined => {
    const start = path.indexOf(name);
    if (start !== -1) return [...path.slice(start), name];
    if (done.has(name)) return undefined;
    path.push(name);
    for (const next of graph.get(name) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(name);
    return undefined;
  };
  for (const name of graph.keys()) {
    const cycle = visit(name);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Groups to stop one after the other: nobody is stopped before all that wait for it. Needs a graph without cycles. */
export function stopOrder(graph: DependencyGraph): readonly (readonly string[])[] {
  const levels = new Map<string, number>();
  const levelOf = (name: string): number => {
    const known = levels.get(name);
    if (known !== undefined) return known;
    const below = (graph.get(name) ?? []).filter((next) => graph.has(next)).map(levelOf);
    const level = below.length === 0 ? 0 : Math.max(...below) + 1;
    levels.set(name, level);
    return level;
  };
  const groups: string[][] = [];
  for (const name of graph.keys()) {
    const level = levelOf(name);
    groups[level] ??= [];
    groups[level]?.push(name);
  }
  return groups.reverse();
}
