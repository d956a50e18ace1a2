/**
 * `npm run test:peers [NAME…]`: the suites with programs of others, those included that take minutes to build.
 * A name is that of a file here: `h2spec`, `grpc-interop`.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");

const paths = process.argv.slice(2).map((name) => `test/peers/${name}.test.ts`);
const missing = paths.filter((path) => !existsSync(join(ROOT, path)));
if (missing.length > 0) {
  console.error(`no such suite: ${missing.join(", ")}`);
  process.exit(2);
}
const args = [join(ROOT, "scripts", "test.ts"), ...(paths.length > 0 ? paths : ["test/peers"])];
const { status } = spawnSync(process.execPath, args, {
  stdio: "inherit",
  env: { ...process.env, TULLE_SLOW_PEERS: "1" },
});
process.exitCode = status ?? 1;
