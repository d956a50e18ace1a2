/**
 * Protobuf messages with something wrong in them: every field of a message and of all that it contains, packed ones
 * included, set to values that its type allows and hardly any program expects. Walks the descriptors, so that fields that
 * come later are covered by themselves. Pure.
 */
import {
  clone,
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageShape,
  type Registry,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";

/** As generated code lays a message out. */
type Fields = Record<string, unknown>;
interface Choice {
  case?: string | undefined;
  value?: unknown;
}

export interface HostileMessage {
  readonly message: Message;
  /** `load_assignment.endpoints[0].priority = 4294967295`. */
  readonly change: string;
}

/** Leads from a message to one that it contains, of which a change is to be written back. */
interface Step {
  readonly text: string;
  /** The contained message, as it is or unpacked, and what puts it back changed. */
  open(fields: Fields): { readonly message: Message; readonly close: () => void };
}

interface Site {
  readonly steps: readonly Step[];
  readonly field: DescField;
}

const STRINGS = [
  "",
  " ",
  "x".repeat(5_000),
  "\u0000",
  "*",
  "-1",
  "ä💥",
  "a\r\nb: c",
  "__proto__",
  "%",
];
const LIST_LENGTH = 500;

export class HostileMessages<Desc extends DescMessage> {
  readonly #schema: Desc;
  readonly #message: MessageShape<Desc>;
  readonly #registry: Registry;
  readonly #sites: Site[] = [];

  constructor(schema: Desc, message: MessageShape<Desc>, registry: Registry) {
    this.#schema = schema;
    this.#message = message;
    this.#registry = registry;
    this.#walk(schema, message as unknown as Fields, []);
  }

  /** One for each field and value. Made when asked for: there are many, and each is a whole message. */
  makers(): readonly (() => HostileMessage)[] {
    return this.#sites.flatMap(({ steps, field }) =>
      changesOf(field).map(({ value, apply }) => () => ({
        message: this.#changed(steps, apply),
        change: `${[...steps.map((step) => step.text), field.name].join(".")} = ${textOf(value)}`,
      })),
    );
  }

  #changed(steps: readonly Step[], apply: (fields: Fields) => void): Message {
    const copy = clone(this.#schema, this.#message);
    const closers: (() => void)[] = [];
    let at: Message = copy;
    for (const step of steps) {
      const { message, close } = step.open(at as unknown as Fields);
      closers.unshift(close);
      at = message;
    }
    apply(at as unknown as Fields);
    for (const close of closers) close();
    return copy;
  }

  #walk(schema: DescMessage, fields: Fields, steps: readonly Step[]): void {
    for (const field of schema.fields) {
      this.#sites.push({ steps, field });
      for (const step of this.#stepsInto(field, fields)) {
        const { message } = step.open(fields);
        const inner = this.#registry.getMessage(message.$typeName) ?? field.message;
        if (inner !== undefined) this.#walk(inner, message as unknown as Fields, [...steps, step]);
      }
    }
  }

  /** To each message that a field holds. */
  #stepsInto(field: DescField, fields: Fields): readonly Step[] {
    const { localName, name, oneof } = field;
    if (field.message === undefined || isPlain(field)) return [];
    if (field.fieldKind === "list") {
      const list = fields[localName] as readonly Message[];
      return list.map((_, index) =>
        this.#step(`${name}[${index}]`, field.message!, (at) => [at[localName] as Fields, index]),
      );
    }
    if (field.fieldKind === "map") {
      const keys = Object.keys(fields[localName] as Fields);
      return keys.map((key) =>
        this.#step(`${name}["${key}"]`, field.message!, (at) => [at[localName] as Fields, key]),
      );
    }
    if (oneof !== undefined) {
      const choice = fields[oneof.localName] as Choice;
      if (choice.case !== localName) return [];
      return [this.#step(name, field.message, (at) => [at[oneof.localName] as Fields, "value"])];
    }
    if (fields[localName] === undefined) return [];
    return [this.#step(name, field.message, (at) => [at, localName])];
  }

  #step(
    text: string,
    schema: DescMessage,
    locate: (fields: Fields) => readonly [Fields, string | number],
  ): Step {
    const registry = this.#registry;
    return {
      text,
      open(fields) {
        const [holder, key] = locate(fields);
        const message = holder[key] as Message;
        if (schema.typeName !== AnySchema.typeName) return { message, close: () => {} };
        const any = message as Any;
        const packed = registry.getMessage(any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1));
        if (packed === undefined) return { message, close: () => {} };
        const unpacked = fromBinary(packed, any.value);
        return {
          message: unpacked,
          close: () => {
            any.value = toBinary(packed, unpacked);
          },
        };
      },
    };
  }
}

interface Change {
  readonly value: unknown;
  readonly apply: (fields: Fields) => void;
}

function changesOf(field: DescField): readonly Change[] {
  return valuesOf(field).map((value) => ({
    value,
    apply: (fields) => {
      const { localName, oneof } = field;
      if (oneof === undefined) fields[localName] = value;
      else if (value === undefined) fields[oneof.localName] = { case: undefined };
      else fields[oneof.localName] = { case: localName, value };
    },
  }));
}

function valuesOf(field: DescField): readonly unknown[] {
  switch (field.fieldKind) {
    case "scalar":
      return scalars(field.scalar);
    case "enum":
      return [0, 1, 2, 9_999];
    case "message":
      return [
        undefined,
        ...(isPlain(field) ? plainValues(field.message) : messages(field.message)),
      ];
    case "list": {
      const one = itemsOf(field);
      return [[], ...one.map((item) => [item]), Array.from({ length: LIST_LENGTH }, () => one[0])];
    }
    case "map": {
      const one = itemsOf(field);
      return [{}, ...one.map((item) => ({ "": item })), { ["__proto__"]: one[0], x: one[0] }];
    }
  }
}

function itemsOf(field: DescField & { readonly fieldKind: "list" | "map" }): readonly unknown[] {
  if (field.message !== undefined) return messages(field.message);
  if (field.enum !== undefined) return [0, 9_999];
  return scalars(field.scalar!);
}

/** Generated code has these as values, not as messages, unless they are one choice of several or in a list. */
function isPlain({ message, fieldKind, oneof }: DescField): boolean {
  if (message?.typeName === "google.protobuf.Struct") return true;
  const isWrapper = message?.file.proto.name === "google/protobuf/wrappers.proto";
  return isWrapper && fieldKind === "message" && oneof === undefined;
}

function plainValues(schema: DescMessage): readonly unknown[] {
  const value = schema.fields[0];
  return value?.fieldKind === "scalar" ? scalars(value.scalar) : [{}, { "": null }];
}

/** Empty, and where it is a packed one: of no type, and of bytes that are none. */
function messages(schema: DescMessage): readonly Message[] {
  const empty = create(schema);
  if (schema.typeName !== AnySchema.typeName) return [empty];
  const garbage = Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x0f]);
  return [
    empty,
    create(AnySchema, { typeUrl: "type.googleapis.com/none.Such", value: garbage }),
    create(AnySchema, {
      typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
      value: garbage,
    }),
  ];
}

function scalars(type: ScalarType): readonly unknown[] {
  switch (type) {
    case ScalarType.STRING:
      return STRINGS;
    case ScalarType.BYTES:
      return [new Uint8Array(0), Uint8Array.from([0, 255, 10]), new Uint8Array(10_000)];
    case ScalarType.BOOL:
      return [false, true];
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e30];
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)];
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return [0n, 1n, 2n ** 64n - 1n];
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return [0, 1, 65_536, 2 ** 32 - 1];
    default:
      return [0, -1, 2 ** 31 - 1, -(2 ** 31)];
  }
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value, (_, inner) =>
    typeof inner === "bigint" ? `${inner}` : inner,
  );
  return text === undefined ? "nothing" : text.slice(0, 60);
}
