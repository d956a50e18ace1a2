/** Objects of the API as YAML that people write: block style, quotes only where they are needed. */

/** Read as something else than text where it stands alone (YAML 1.1 and 1.2). */
const NO_TEXT = /^(?:true|false|yes|no|on|off|y|n|null|~|[-+.]?\d.*|\.inf|\.nan)$/i;
const PLAIN = /^[\w/][\w ./:@*+=,()-]*$/;

/** Ends with a line break. What is undefined is left out. */
export function yamlOf(value: object): string {
  return `${linesOf(value).join("\n")}\n`;
}

function linesOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.length === 0 ? ["[]"] : value.flatMap(itemLines);
  if (typeof value !== "object" || value === null) return [scalar(value)];
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  if (entries.length === 0) return ["{}"];
  return entries.flatMap(([name, part]) => {
    const lines = linesOf(part);
    const key = isPlain(name) ? name : JSON.stringify(name);
    const [first = ""] = lines;
    return isLeaf(part) ? [`${key}: ${first}`] : [`${key}:`, ...lines.map((line) => `  ${line}`)];
  });
}

function itemLines(item: unknown): readonly string[] {
  return linesOf(item).map((line, index) => `${index === 0 ? "- " : "  "}${line}`);
}

/** Stands beside its key. */
function isLeaf(value: unknown): boolean {
  return typeof value !== "object" || value === null || Object.keys(value).length === 0;
}

function scalar(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value) ?? "null";
  return isPlain(value) ? value : JSON.stringify(value);
}

function isPlain(text: string): boolean {
  return PLAIN.test(text) && !NO_TEXT.test(text) && !/: |:$| $/.test(text);
}
