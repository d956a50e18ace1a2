/** Fields that outlive the message that they came with. */
import { HeaderBlock } from "./header-block.ts";
import { HeaderField, HeaderName } from "./header-field.ts";

/** The kept fields of a block, in their order, as a block of their own. */
export function copiedHeaders(headers: HeaderBlock): HeaderBlock {
  const copy = new HeaderBlock();
  headers.forEach((name, value) => {
    copy.add(new HeaderField(new HeaderName(name), value));
  });
  return copy;
}
