/**
 * A YAML document as plain values, with the place of each in the text. Stricter than the parser:
 * keys are strings, anchors can neither nest without end nor multiply, nesting and size are bounded.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type YAMLMap,
} from "yaml";
import type { FieldPath } from "./violation.ts";

/** Counted after aliases are expanded. The largest valid HTTPRoute has some 20,000 nodes. */
export const DOCUMENT_NODES_MAX = 100_000;
/** The deepest schema nests 12 levels. */
export const DOCUMENT_DEPTH_MAX = 64;

/** Something about the text that stands in the way of a plain value. */
export interface YamlFault {
  readonly code: "syntax" | "duplicate-key" | "too-large";
  readonly path: FieldPath;
  readonly message: string;
  /** Index into the text, of its first character. */
  readonly offset: number;
}

export interface YamlValue {
  readonly value: unknown;
  readonly faults: readonly YamlFault[];
}

/** The plain value of a document, as far as it has one. */
export function readYamlValue(document: Document.Parsed): YamlValue {
  const reader = new Reader(document);
  const value = reader.read(document.contents, [], []);
  return { value, faults: reader.faults };
}

/**
 * Where in the text the key or value at `path` stands, as an index of a character. Where the
 * document has no such place: the nearest one around it.
 */
export function offsetOf(document: Document.Parsed, path: FieldPath, at: "key" | "value"): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? document.range[0];
  for (const [depth, part] of path.entries()) {
    const container = isAlias(node) ? node.resolve(document) : node;
    if (isSeq(container) && typeof part === "number") node = container.items[part];
    else if (isMap(container)) {
      const pair = container.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (pair === undefined) return offset;
      const keyOffset = startOf(pair.key);
      if (at === "key" && depth === path.length - 1) return keyOffset ?? offset;
      node = pair.value;
      // What an alias refers to stands elsewhere; the reader looks for where it is used.
      offset = startOf(node) ?? keyOffset ?? offset;
      continue;
    } else return offset;
    const next = startOf(node);
    if (next === undefined) return offset;
    offset = next;
  }
  return offset;
}

class Reader {
  readonly faults: YamlFault[] = [];
  readonly #document: Document.Parsed;
  #nodeCount = 0;

  constructor(document: Document.Parsed) {
    this.#document = document;
  }

  /** `open` holds the nodes that are being read, to notice an alias within its own anchor. */
  read(node: unknown, path: FieldPath, open: readonly unknown[]): unknown {
    this.#nodeCount += 1;
    if (this.#nodeCount === DOCUMENT_NODES_MAX + 1) {
      this.#fault("too-large", path, node, `holds more than ${DOCUMENT_NODES_MAX} values`);
    }
    if (this.#nodeCount > DOCUMENT_NODES_MAX) return undefined;
    if (open.length > DOCUMENT_DEPTH_MAX) {
      this.#fault("too-large", path, node, `nests deeper than ${DOCUMENT_DEPTH_MAX} levels`);
      return undefined;
    }
    if (isAlias(node)) return this.#readAlias(node, path, open);
    if (isMap(node)) return this.#readMap(node, path, [...open, node]);
    if (isSeq(node)) {
      const inner = [...open, node];
      return node.items.map((item, index) => this.read(item, [...path, index], inner));
    }
    return isScalar(node) ? node.value : null;
  }

  #readAlias(alias: Alias, path: FieldPath, open: readonly unknown[]): unknown {
    const target = alias.resolve(this.#document);
    if (target === undefined) {
      this.#fault("syntax", path, alias, `refers to the anchor ${alias.source}, which is not set`);
      return undefined;
    }
    if (open.includes(target)) {
      this.#fault("syntax", path, alias, `refers to the anchor ${alias.source} from within itself`);
      return undefined;
    }
    return this.read(target, path, open);
  }

  #readMap(map: YAMLMap, path: FieldPath, open: readonly unknown[]): unknown {
    const value: Record<string, unknown> = {};
    for (const { key, value: child } of map.items) {
      const name = isScalar(key) ? key.value : key;
      if (typeof name !== "string") {
        this.#fault("syntax", path, key, `has a key that is not a string: ${keyText(key)}`);
      } else if (name === "__proto__") {
        this.#fault("syntax", path, key, "has the key __proto__, which is refused");
      } else if (name === "<<" && isScalar(key) && key.type === "PLAIN") {
        this.#fault("syntax", path, key, "has a merge key (<<), which is not supported");
      } else if (Object.hasOwn(value, name)) {
        this.#fault("duplicate-key", [...path, name], key, `sets ${name} twice`);
      } else value[name] = this.read(child, [...path, name], open);
    }
    return value;
  }

  #fault(code: YamlFault["code"], path: FieldPath, node: unknown, message: string): void {
    this.faults.push({
      code,
      path,
      message,
      offset: startOf(node) ?? offsetOf(this.#document, path, "value"),
    });
  }
}

function keyText(key: unknown): string {
  if (isScalar(key)) return `${key.source ?? key.value} (quote it)`;
  return isMap(key) || isSeq(key) ? "a map or list" : "an alias";
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
