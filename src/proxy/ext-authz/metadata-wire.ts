/** Dynamic metadata as `google.protobuf.Struct`, written and read without a schema. */
import { type BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  isMetadataMap,
  type MetadataMap,
  type MetadataValue,
} from "../../decision/dynamic-metadata.ts";
import { readFields } from "./wire-fields.ts";

/** Objects within objects that are read: a service that sends more sends nothing that a filter could use. */
const DEPTH_MAX = 32;

export function structBytes(map: MetadataMap): Uint8Array {
  const writer = new BinaryWriter();
  for (const [key, value] of map) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(key);
    writer.tag(2, WireType.LengthDelimited).bytes(valueBytes(value));
    writer.join();
  }
  return writer.finish();
}

function valueBytes(value: MetadataValue): Uint8Array {
  const writer = new BinaryWriter();
  if (value === null) writer.tag(1, WireType.Varint).int32(0);
  else if (typeof value === "number") writer.tag(2, WireType.Bit64).double(value);
  else if (typeof value === "string") writer.tag(3, WireType.LengthDelimited).string(value);
  else if (typeof value === "boolean") writer.tag(4, WireType.Varint).bool(value);
  else if (isMetadataMap(value)) {
    writer.tag(5, WireType.LengthDelimited).bytes(structBytes(value));
  } else {
    writer.tag(6, WireType.LengthDelimited).fork();
    for (const item of value) writer.tag(1, WireType.LengthDelimited).bytes(valueBytes(item));
    writer.join();
  }
  return writer.finish();
}

/** Throws what is malformed or nested too deeply. */
export function readStruct(bytes: Uint8Array, depth = 0): MetadataMap {
  if (depth > DEPTH_MAX) throw new Error("nested too deeply");
  const map = new Map<string, MetadataValue>();
  readFields(bytes, (field, reader) => {
    if (field !== 1) return false;
    const { key, value } = readEntry(reader.bytes(), depth);
    map.set(key, value);
    return true;
  });
  return map;
}

function readEntry(bytes: Uint8Array, depth: number): { key: string; value: MetadataValue } {
  let key = "";
  let value: MetadataValue = null;
  readFields(bytes, (field, reader) => {
    if (field === 1) key = reader.string();
    else if (field === 2) value = readValue(reader.bytes(), depth + 1);
    else return false;
    return true;
  });
  return { key, value };
}

function readValue(bytes: Uint8Array, depth: number): MetadataValue {
  let value: MetadataValue = null;
  readFields(bytes, (field, reader) => {
    switch (field) {
      case 1:
        reader.int32();
        value = null;
        return true;
      case 2:
        value = reader.double();
        return true;
      case 3:
        value = reader.string();
        return true;
      case 4:
        value = reader.bool();
        return true;
      case 5:
        value = readStruct(reader.bytes(), depth);
        return true;
      case 6:
        value = readList(reader, depth);
        return true;
      default:
        return false;
    }
  });
  return value;
}

function readList(outer: BinaryReader, depth: number): readonly MetadataValue[] {
  if (depth > DEPTH_MAX) throw new Error("nested too deeply");
  const items: MetadataValue[] = [];
  readFields(outer.bytes(), (field, reader) => {
    if (field !== 1) return false;
    items.push(readValue(reader.bytes(), depth + 1));
    return true;
  });
  return items;
}
