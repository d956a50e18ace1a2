/**
 * The part of CEL in which access log filters are written, as Istio's `filter.expression`: comparisons of a few attributes,
 * joined by `&&`, `||`, `!` and parentheses. Every one of them is one of Envoy's access log filters, so that a
 * sidecar compiles it and evaluates no language per request.
 */

export type Comparison = "==" | "!=" | ">=" | "<=" | ">" | "<";
export type TextTest = "equals" | "startsWith" | "endsWith" | "contains" | "matches";

export type LogExpression =
  | { readonly kind: "and" | "or"; readonly items: readonly LogExpression[] }
  | { readonly kind: "not"; readonly item: LogExpression }
  | { readonly kind: "code"; readonly op: Comparison; readonly value: number }
  | { readonly kind: "grpc-status"; readonly value: number }
  /** In milliseconds. */
  | { readonly kind: "duration"; readonly op: Comparison; readonly value: number }
  /** Any of these flags; any flag at all when there are none. */
  | { readonly kind: "flags"; readonly flags: readonly string[] }
  /** `header` is a field's name in lower case, or a pseudo-header of HTTP/2. */
  | {
      readonly kind: "header";
      readonly header: string;
      readonly test: TextTest;
      readonly value: string;
    }
  | { readonly kind: "has-header"; readonly header: string };

export type ParsedExpression =
  | { readonly ok: true; readonly expression: LogExpression }
  | { readonly ok: false; readonly message: string; readonly allowed: string };

/** Deeper nesting is no filter that somebody reads. */
const DEPTH_MAX = 16;
const ALLOWED =
  "response.code >= 500 || request.duration > duration('1s') || 'UF' in response.flags, and the like";
const TOKEN =
  /\s+|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d+|[a-z_][a-z_0-9]*|&&|\|\||[=!<>]=|[!<>()[\].]/giy;
const COMPARISONS = new Set(["==", "!=", ">=", "<=", ">", "<"]);
const TEXT_METHODS = new Set(["startsWith", "endsWith", "contains", "matches"]);
/** CEL's attributes that are texts, by the header of HTTP/2 that has the value. */
const TEXT_ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ["request.method", ":method"],
  ["request.path", ":path"],
  ["request.host", ":authority"],
]);
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Whether a `!` stands before flags, which Envoy's filters have no word for. */
export function negatesFlags(expression: LogExpression, isNegated = false): boolean {
  switch (expression.kind) {
    case "and":
    case "or":
      return expression.items.some((item) => negatesFlags(item, isNegated));
    case "not":
      return negatesFlags(expression.item, !isNegated);
    case "flags":
      return isNegated;
    default:
      return false;
  }
}

export function parseLogExpression(text: string): ParsedExpression {
  const parser = new Parser(text);
  try {
    return { ok: true, expression: parser.whole() };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { ok: false, message: error.message, allowed: ALLOWED };
  }
}

interface Token {
  readonly text: string;
  readonly at: number;
}

class Parser {
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(text: string) {
    this.#tokens = [...tokensOf(text), { text: "", at: text.length }];
  }

  whole(): LogExpression {
    const expression = this.#or(0);
    if (this.#peek !== "") this.#fail(`"${this.#peek}" is not expected here`);
    return expression;
  }

  #or(depth: number): LogExpression {
    return this.#joined("or", "||", () => this.#and(depth));
  }

  #and(depth: number): LogExpression {
    return this.#joined("and", "&&", () => this.#unary(depth));
  }

  #joined(kind: "and" | "or", sign: string, next: () => LogExpression): LogExpression {
    const first = next();
    if (this.#peek !== sign) return first;
    const items = [first];
    while (this.#take(sign)) items.push(next());
    return { kind, items };
  }

  #unary(depth: number): LogExpression {
    if (depth > DEPTH_MAX) this.#fail("is nested too deep");
    if (this.#take("!")) return { kind: "not", item: this.#unary(depth + 1) };
    if (!this.#take("(")) return this.#test();
    const inner = this.#or(depth + 1);
    this.#expect(")");
    return inner;
  }

  #test(): LogExpression {
    if (isText(this.#peek)) return this.#membership(textOf(this.#next()));
    const attribute = this.#attribute();
    if (attribute === "response.code") {
      return { kind: "code", op: this.#comparison(), value: this.#number() };
    }
    if (attribute === "response.grpc_status") {
      const test = this.#equality();
      const status: LogExpression = { kind: "grpc-status", value: this.#number() };
      return test === "==" ? status : { kind: "not", item: status };
    }
    if (attribute === "response.flags") return this.#anyFlag();
    if (attribute === "request.duration") {
      return { kind: "duration", op: this.#comparison(), value: this.#duration() };
    }
    if (attribute === "request.headers") {
      this.#expect("[");
      const header = this.#text().toLowerCase();
      this.#expect("]");
      return this.#textTest(header);
    }
    const header = TEXT_ATTRIBUTES.get(attribute);
    if (header !== undefined) return this.#textTest(header);
    return this.#fail(`the attribute ${attribute} is not known`, -1);
  }

  /** `'UF' in response.flags`, `'x-id' in request.headers`. */
  #membership(value: string): LogExpression {
    this.#expect("in");
    const attribute = this.#attribute();
    if (attribute === "response.flags") return { kind: "flags", flags: [value] };
    if (attribute === "request.headers") return { kind: "has-header", header: value.toLowerCase() };
    return this.#fail("in is known of response.flags and request.headers only", -1);
  }

  /** In CEL flags are the bits of a number. */
  #anyFlag(): LogExpression {
    const test = this.#equality();
    if (this.#number() !== 0) {
      this.#fail("flags are compared with 0; say 'UF' in response.flags for one of them", -1);
    }
    const some: LogExpression = { kind: "flags", flags: [] };
    return test === "!=" ? some : { kind: "not", item: some };
  }

  #textTest(header: string): LogExpression {
    if (!this.#take(".")) {
      const test = this.#equality();
      const equals: LogExpression = {
        ...{ kind: "header", header, test: "equals", value: this.#text() },
      };
      return test === "==" ? equals : { kind: "not", item: equals };
    }
    const test = this.#next();
    if (!TEXT_METHODS.has(test)) {
      this.#fail("texts know startsWith, endsWith, contains and matches", -1);
    }
    this.#expect("(");
    const value = this.#text();
    this.#expect(")");
    return { kind: "header", header, test: test as TextTest, value };
  }

  #attribute(): string {
    const first = this.#next();
    if (!/^[a-z_]/i.test(first)) this.#fail("an attribute is expected, as response.code", -1);
    if (!this.#take(".")) return first;
    return `${first}.${this.#next()}`;
  }

  #comparison(): Comparison {
    const token = this.#next();
    if (!COMPARISONS.has(token)) this.#fail("one of == != >= <= > < is expected", -1);
    return token as Comparison;
  }

  #equality(): "==" | "!=" {
    const op = this.#comparison();
    if (op !== "==" && op !== "!=") this.#fail("only == and != are known here", -1);
    return op as "==" | "!=";
  }

  #number(): number {
    const token = this.#next();
    if (!/^-?\d+$/.test(token)) this.#fail("a whole number is expected", -1);
    return Number(token);
  }

  #text(): string {
    const token = this.#next();
    if (!isText(token)) this.#fail("a text in quotes is expected", -1);
    return textOf(token);
  }

  /** `duration('1.5s')`. */
  #duration(): number {
    this.#expect("duration");
    this.#expect("(");
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(this.#text());
    if (match === null) return this.#fail("a duration is expected, as 500ms or 1.5s", -1);
    this.#expect(")");
    return Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
  }

  get #peek(): string {
    return this.#tokens[this.#index]?.text ?? "";
  }

  #next(): string {
    const token = this.#peek;
    if (token === "") this.#fail("more is expected");
    this.#index += 1;
    return token;
  }

  #take(sign: string): boolean {
    if (this.#peek !== sign) return false;
    this.#index += 1;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) this.#fail(`"${sign}" is expected`);
  }

  #fail(message: string, offset = 0): never {
    const at = this.#tokens[this.#index + offset]?.at ?? 0;
    throw new SyntaxError(`position ${at + 1}: ${message}`);
  }
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) {
      // Told where it stands, by the parser, which expects no such sign.
      tokens.push({ text: text.charAt(at), at });
      break;
    }
    if (match[0].trim() !== "") tokens.push({ text: match[0], at });
    at = TOKEN.lastIndex;
  }
  return tokens;
}

function isText(token: string): boolean {
  return token.startsWith("'") || token.startsWith('"');
}

function textOf(token: string): string {
  return token.slice(1, -1).replaceAll(/\\(.)/g, "$1");
}
