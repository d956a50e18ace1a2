/**
 * Jazzer's native part comes built against the C library 2.38 and libstdc++ 3.4.32, of which it uses three
 * functions. Where the system's are older, as on Debian 12, this makes a copy whose demands are marked as
 * weak, and a library with the three. Both lie below the cache folder; nothing installed is changed.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const SHIM = `
#include <stdlib.h>
long __isoc23_strtol(const char *s, char **end, int base) { return strtol(s, end, base); }
unsigned long __isoc23_strtoul(const char *s, char **end, int base) { return strtoul(s, end, base); }
void _ZSt21ios_base_library_initv(void) {}
`;

/** Offsets of the ELF 64-bit format, little-endian. */
const SECTIONS_AT = 40;
const SECTION_SIZE_AT = 58;
const SECTION_COUNT_AT = 60;
const SECTION_TYPE_AT = 4;
const SECTION_OFFSET_AT = 24;
const SECTION_VERSION_NEEDS = 0x6ffffffe;
const FLAG_WEAK = 0x2;

/** What a process needs to load the addon: more arguments for Node, and more environment. */
export interface AddonSetup {
  readonly nodeArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Throws when the addon cannot be loaded here, with the reason. */
export function prepareAddon(cacheFolder: string): AddonSetup {
  const plain: AddonSetup = { nodeArgs: [], env: {} };
  const problem = loadProblem(plain);
  if (problem === undefined) return plain;
  if (process.platform !== "linux" || !problem.includes("not found")) throw new Error(problem);
  const setup = relinked(cacheFolder);
  const again = loadProblem(setup);
  if (again !== undefined) throw new Error(again);
  return setup;
}

/** Why a new process cannot load the addon; undefined when it can. */
function loadProblem({ nodeArgs, env }: AddonSetup): string | undefined {
  try {
    execFileSync(process.execPath, [...nodeArgs, "-e", `require(${JSON.stringify(addonPath())})`], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    });
    return undefined;
  } catch (error) {
    const { stderr = "" } = error as { readonly stderr?: string };
    return stderr.split("\n").find((line) => line.startsWith("Error:")) ?? stderr;
  }
}

function addonPath(): string {
  const packageFile = createRequire(import.meta.url).resolve("@jazzer.js/core/package.json");
  const { platform, arch } = process;
  const file = `fuzzer-${platform}-${arch}.node`;
  return join(dirname(packageFile), "..", "fuzzer", "prebuilds", file);
}

function relinked(folder: string): AddonSetup {
  mkdirSync(folder, { recursive: true });
  const original = readFileSync(addonPath());
  const version = createHash("sha1").update(original).update(SHIM).digest("hex").slice(0, 12);
  const copy = join(folder, `fuzzer-${version}.node`);
  const shim = join(folder, `shim-${version}.so`);
  const hook = join(folder, `hook-${version}.cjs`);
  place(copy, (path) => writeFileSync(path, withWeakNeeds(original)));
  place(shim, (path) => {
    execFileSync("cc", ["-shared", "-fPIC", "-O2", "-x", "c", "-", "-o", path], { input: SHIM });
  });
  const loads = `file === ${JSON.stringify(addonPath())} ? ${JSON.stringify(copy)} : file`;
  place(hook, (path) => {
    writeFileSync(
      path,
      `const { dlopen } = process;
process.dlopen = (module, file, ...rest) => dlopen.call(process, module, ${loads}, ...rest);
`,
    );
  });
  return { nodeArgs: ["--require", hook], env: { LD_PRELOAD: shim } };
}

/** Makes a file once, in one step: a process may have it loaded, which a change in place would end. */
function place(file: string, write: (path: string) => void): void {
  if (existsSync(file)) return;
  const unfinished = `${file}.${process.pid}`;
  write(unfinished);
  renameSync(unfinished, file);
}

/** Each demand for a version of a library's symbols marked as weak: the loader then only warns. */
function withWeakNeeds(elf: Buffer): Buffer {
  const bytes = Buffer.from(elf);
  const sections = Number(bytes.readBigUInt64LE(SECTIONS_AT));
  const size = bytes.readUInt16LE(SECTION_SIZE_AT);
  for (let i = 0; i < bytes.readUInt16LE(SECTION_COUNT_AT); i++) {
    const section = sections + i * size;
    if (bytes.readUInt32LE(section + SECTION_TYPE_AT) === SECTION_VERSION_NEEDS) {
      markNeeds(bytes, Number(bytes.readBigUInt64LE(section + SECTION_OFFSET_AT)));
    }
  }
  return bytes;
}

/** Two nested lists: libraries, and for each the versions. Offsets to the next are relative, 0 ends a list. */
function markNeeds(bytes: Buffer, first: number): void {
  for (let library = first, step = 1; step !== 0; library += step) {
    step = bytes.readUInt32LE(library + 12);
    let version = library + bytes.readUInt32LE(library + 8);
    for (let left = bytes.readUInt16LE(library + 2); left > 0; left--) {
      bytes.writeUInt16LE(bytes.readUInt16LE(version + 4) | FLAG_WEAK, version + 4);
      version += bytes.readUInt32LE(version + 12);
    }
  }
}
