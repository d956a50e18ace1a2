/** The metrics that the sources declare, read off the sources themselves. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface MetricDeclaration {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly component: "sidecar" | "control plane";
}

const ROOT = join(import.meta.dirname, "..", "..");
/** A call such as `registry.counter("name", "help")`, however it is broken into lines; the name may be a constant of the file. */
const DECLARATION =
  /\b(counter|gauge|histogram)\(\s*(?:"([^"]+)"|([A-Z][A-Z_]+)),\s*"((?:[^"\\]|\\.)*)"/g;

export function metricDeclarations(): readonly MetricDeclaration[] {
  const files = globSync("src/**/*.ts", { cwd: ROOT }).filter((file) => !file.endsWith(".test.ts"));
  return files.sort().flatMap((file) => {
    const component = file.startsWith("src/control-plane/") ? "control plane" : "sidecar";
    const text = readFileSync(join(ROOT, file), "utf8");
    return [...text.matchAll(DECLARATION)].map(([, type, name, constant = "", help = ""]) => ({
      name: name ?? textOf(constant, text),
      type: type as MetricDeclaration["type"],
      help: help.replaceAll('\\"', '"'),
      component,
    }));
  });
}

function textOf(constant: string, text: string): string {
  return new RegExp(`const ${constant} = "([^"]+)"`).exec(text)?.[1] ?? constant;
}

/** How many declarations begin with a name in the sources, whatever follows. */
export function declarationCount(): number {
  const files = globSync("src/**/*.ts", { cwd: ROOT }).filter((file) => !file.endsWith(".test.ts"));
  const calls = files.flatMap((file) => [
    ...readFileSync(join(ROOT, file), "utf8").matchAll(
      /\b(?:counter|gauge|histogram)\(\s*["'`A-Z]/g,
    ),
  ]);
  return calls.length;
}
