/** Our sidecar as users get it: compiled, with the launcher, in a folder without sources. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");
const RELEASE = join(ROOT, ".cache", "release");

/** Returns the launcher's path. The dependencies are those of this clone. */
export function buildRelease(): string {
  execFileSync(process.execPath, [join(ROOT, "scripts", "build.ts")], { stdio: "inherit" });
  rmSync(RELEASE, { recursive: true, force: true });
  mkdirSync(RELEASE, { recursive: true });
  for (const part of ["bin", "dist", "package.json"]) {
    cpSync(join(ROOT, part), join(RELEASE, part), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(RELEASE, "node_modules"));
  return join(RELEASE, "bin", "tulle");
}
