/** What a hash costs: of a key as routes have them, and of a long one. */
import { bench, do_not_optimize, group } from "mitata";
import { XxHash64 } from "../../src/core/xxhash64.ts";

const KEYS = {
  "8 bytes": "user-123",
  "36 bytes, a UUID": "0b1e7a64-9c0c-4a5e-8d0a-6b1f2f3c4d5e",
  "256 bytes": "a-header-value-0".repeat(16),
};

group("xxHash64", () => {
  const hash = new XxHash64();
  for (const [name, key] of Object.entries(KEYS)) {
    bench(name, () => {
      hash.hash(key);
      do_not_optimize(hash.low);
    });
  }
});
