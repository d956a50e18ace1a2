/**
 * A YAML document as plain values, with the place of each in the text. Stricter than the parser:
 * keys are strings, anchors can neither nest without end nor multiply, nesting and size are bounded.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
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
  /**
   * Where in the text the key or value at `path` stands, as an index of a character. Where the
   * document has no such place: the nearest one around it.
   */
  readonly offsetOf: (path: FieldPath, at: "key" | "value") => number;
}

/** The plain value of a document, as far as it has one. */
export function readYamlValue(document: Document.Parsed): YamlValue {
  const reader = new Reader(document);
  const value = reader.read(document.contents, [], []);
  return { value, faults: reader.faults, offsetOf: (path, at) => reader.offsetOf(path, at) };
}

/** The tags of YAML 1.2's core schema. Others change what a value is, or name a type of some language. */
const CORE_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/;

class Reader {
  readonly faults: YamlFault[] = [];
  readonly #document: Document.Parsed;
  /** What each anchor last named, in the order of the text. */
  readonly #anchors = new Map<string, Node>();
  /** What each alias refers to: what its anchor named where it stands. */
  readonly #targets = new Map<Alias, Node | undefined>();
  /** Nodes whose anchors were noted. */
  readonly #seen = new Set<Node>();
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
    if (isNode(node)) this.#note(node, path);
    if (isMap(node)) return this.#readMap(node, path, [...open, node]);
    if (isSeq(node)) {
      const inner = [...open, node];
      return node.items.map((item, index) => this.read(item, [...path, index], inner));
    }
    return isScalar(node) ? node.value : null;
  }

  offsetOf(path: FieldPath, at: "key" | "value"): number {
    let node: unknown = this.#document.contents;
    let offset = startOf(node) ?? this.#document.range[0];
    for (const [depth, part] of path.entries()) {
      const container = isAlias(node) ? this.#targets.get(node) : node;
      if (isMap(container)) {
        const pair = container.items.find((item) => isScalar(item.key) && item.key.value === part);
        if (pair === undefined) return offset;
        offset = startOf(pair.key) ?? offset;
        if (at === "key" && depth === path.length - 1) return offset;
        node = pair.value;
      } else if (isSeq(container) && typeof part === "number") node = container.items[part];
      else return offset;
      offset = startOf(node) ?? offset;
    }
    return offset;
  }

  /** Remembers a node's anchor. A node that is read again, through an alias, has it already. */
  #note(node: Node, path: FieldPath): void {
    const { anchor, tag } = node as { readonly anchor?: string; readonly tag?: string };
    if (anchor !== undefined && !this.#seen.has(node)) {
      this.#anchors.set(anchor, node);
      this.#seen.add(node);
    }
    if (tag === undefined || CORE_TAG.test(tag)) return;
    this.#fault("syntax", path, node, `has the tag ${tag}, which is not supported`);
  }

  #readAlias(alias: Alias, path: FieldPath, open: readonly unknown[]): unknown {
    // Not `alias.resolve`: it looks through the whole document each time.
    if (!this.#targets.has(alias)) this.#targets.set(alias, this.#anchors.get(alias.source));
    const target = this.#targets.get(alias);
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
      offset: startOf(node) ?? this.offsetOf(path, "value"),
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
