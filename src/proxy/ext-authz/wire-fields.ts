/** Reads the fields of a protobuf message that matter, and passes over the others. */
import { BinaryReader } from "@bufbuild/protobuf/wire";

/** `read` returns whether it has taken the field. Throws where the bytes are no message. */
export function readFields(
  bytes: Uint8Array,
  read: (field: number, reader: BinaryReader) => boolean,
): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (!read(field, reader)) reader.skip(wireType, field);
  }
}
