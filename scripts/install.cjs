/**
 * Installs what a clone lacks, with visible progress: the npm packages when they differ from
 * `package-lock.json`, then the generated protobuf code and the dashboard. Does nothing, quickly, when all is there.
 * Plain JavaScript for Node 20. `node scripts/install.cjs FILE ARGS…` then runs FILE on the pinned
 * runtime: a shell that has looked up `node` once goes on using the old one.
 */
"use strict";
const { spawn } = require("node:child_process");
const { createHash } = require("node:crypto");
const {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} = require("node:fs");
const path = require("node:path");
const { runAsChild } = require("../bin/run-as-child.js");

const ROOT = path.dirname(__dirname);
/** Without a terminal there is no line to redraw: one line of progress per this many milliseconds. */
const PLAIN_PROGRESS_MS = 5_000;
const TERMINAL_PROGRESS_MS = 100;
const LOCK_LOOK_MS = 100;
/** As `src/control-plane/admin-api/dashboard-front.ts` expects it. */
const DASHBOARD_OUTPUT = path.join("dashboard", "dist");
/** Two folders deep like its source, from where it looks for `package.json`. */
const SIDECAR_OUTPUT = path.join(".cache", "sidecar", "sidecar.js");
const SPINNER = ["|", "/", "-", "\\"];

module.exports = { ensureDashboard, ensureGenerated, ensureSidecar };

if (require.main === module) {
  main().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}

async function main() {
  await ensurePackages();
  await ensureGenerated();
  await ensureDashboard();
  const [file, ...args] = process.argv.slice(2);
  if (file === undefined) return;
  const target = path.join(ROOT, file);
  runAsChild(runtime(), [target, ...args], (error) => {
    throw error;
  });
}

/** Runs `npm ci` unless what is installed is what the lock file says. */
async function ensurePackages() {
  const lock = readPackages("package-lock.json");
  const installed = readPackages(path.join("node_modules", ".package-lock.json"));
  const isMissing = (name) => installed[name]?.version !== lock[name].version;
  const missing = Object.keys(lock).filter(
    (name) => name !== "" && isForThisMachine(lock[name]) && isMissing(name),
  );
  if (missing.length === 0) return;
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-fund", "--no-audit", "--loglevel=error"];
  const label = `installing ${missing.length} npm packages (npm ci)`;
  if (npm === undefined) await runWithProgress(label, "npm", args);
  else await runWithProgress(label, process.execPath, [npm, ...args]);
}

/** Generates `src/gen/` unless it was made by the present generator from the present inputs. */
async function ensureGenerated() {
  const stampFile = path.join(ROOT, "src", "gen", ".stamp");
  const stamp = generatedStamp();
  const isFresh = () => existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
  if (isFresh()) return;
  const release = await lock(path.join(ROOT, "src", ".gen.lock"));
  try {
    // Of several that start at once behind a change, one does the work.
    if (isFresh()) return;
    const generator = path.join("scripts", "generate-proto.ts");
    await runWithProgress("generating protobuf code", runtime(), [generator]);
    writeFileSync(stampFile, stamp);
  } finally {
    release();
  }
}

/**
 * Builds the dashboard unless it was built from the present sources. That it cannot be built is said and stops nothing:
 * a mesh works without it. It is tried again when something has changed.
 */
async function ensureDashboard() {
  const folder = path.join(ROOT, DASHBOARD_OUTPUT);
  const stampFile = path.join(folder, ".stamp");
  const stamp = dashboardStamp();
  const isFresh = () => existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
  if (isFresh()) return;
  mkdirSync(path.join(ROOT, ".cache"), { recursive: true });
  const release = await lock(path.join(ROOT, ".cache", "dashboard.lock"));
  try {
    if (isFresh()) return;
    await runWithProgress("building the dashboard", runtime(), [
      path.join("scripts", "build-dashboard.ts"),
      folder,
    ]);
  } catch (error) {
    process.stderr.write(`${error.message}\nThe dashboard is not there; everything else is.\n`);
  } finally {
    mkdirSync(folder, { recursive: true });
    writeFileSync(stampFile, stamp);
    release();
  }
}

/**
 * Joins the sidecar to one file unless that was made from the present sources. Resolves with the file. Asked for when a
 * sidecar starts, so that sources which cannot be joined keep nobody from checking them.
 */
async function ensureSidecar() {
  const file = path.join(ROOT, SIDECAR_OUTPUT);
  const isFresh = () => isMadeOfPresent(`${file}.inputs.json`);
  if (isFresh()) return file;
  mkdirSync(path.dirname(file), { recursive: true });
  const release = await lock(path.join(ROOT, ".cache", "sidecar.lock"));
  try {
    if (isFresh()) return file;
    const args = [path.join("scripts", "bundle-sidecar.ts"), SIDECAR_OUTPUT];
    await runWithProgress("building the sidecar", runtime(), args);
  } finally {
    release();
  }
  return file;
}

/** Whether all files that the list names are as it says. Sizes and times tell, which a start has time to look at. */
function isMadeOfPresent(list) {
  if (!existsSync(list)) return false;
  const marks = Object.entries(JSON.parse(readFileSync(list, "utf8")));
  return marks.every(([file, mark]) => {
    const found = statSync(path.join(ROOT, file), { throwIfNoEntry: false });
    return found !== undefined && `${found.size} ${found.mtimeMs}` === mark;
  });
}

/** Waits until the file is this process's own; it holds the number of the one whose it is. Returns what gives it back. */
async function lock(file) {
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (isForsaken(file)) rmSync(file, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, LOCK_LOOK_MS));
  }
}

/** Its owner has gone without giving it back. */
function isForsaken(file) {
  try {
    process.kill(Number(readFileSync(file, "utf8")), 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/** Identifies what the generated code depends on; kept beside it. */
function generatedStamp() {
  const hash = createHash("sha256");
  const inputs = ["scripts/generate-proto.ts", ...filesUnder("proto")];
  for (const file of inputs) hash.update(file).update(readFileSync(path.join(ROOT, file)));
  for (const name of ["@grpc/grpc-js-xds", "@bufbuild/protoc-gen-es", "@bufbuild/buf"]) {
    const manifest = path.join(ROOT, "node_modules", name, "package.json");
    hash.update(JSON.parse(readFileSync(manifest, "utf8")).version);
  }
  return hash.digest("hex");
}

/** The same for the dashboard. */
function dashboardStamp() {
  const hash = createHash("sha256");
  const sources = filesUnder("dashboard").filter((file) => !file.startsWith(DASHBOARD_OUTPUT));
  const inputs = ["scripts/build-dashboard.ts", "package-lock.json", ...sources];
  for (const file of inputs) hash.update(file).update(readFileSync(path.join(ROOT, file)));
  return hash.digest("hex");
}

function filesUnder(folder) {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path.join(folder, entry.name);
      return entry.isDirectory() ? filesUnder(file) : [file];
    });
}

function readPackages(file) {
  const full = path.join(ROOT, file);
  return existsSync(full) ? JSON.parse(readFileSync(full, "utf8")).packages : {};
}

/** Packages for other systems stay in the lock file but are never installed here. */
function isForThisMachine(entry) {
  const isAllowed = (list, value) => list === undefined || list.includes(value);
  return (
    isAllowed(entry.os, process.platform) &&
    isAllowed(entry.cpu, process.arch) &&
    entry.libc === undefined // Which C library this is would take 20 ms to find out.
  );
}

/** The pinned runtime where it is installed. */
function runtime() {
  const pinned = path.join(ROOT, "node_modules", `node-linux-${process.arch}`, "bin", "node");
  return existsSync(pinned) ? pinned : process.execPath;
}

/** Runs a command quietly, showing that it goes on; its output is shown when it fails. */
async function runWithProgress(label, command, args) {
  const startedMs = Date.now();
  const isTerminal = process.stderr.isTTY === true;
  const seconds = () => `${Math.round((Date.now() - startedMs) / 1000)} s`;
  let ticks = 0;
  const show = () => {
    const mark = SPINNER[ticks++ % SPINNER.length];
    process.stderr.write(
      isTerminal ? `\r${mark} ${label} … ${seconds()} ` : `${label} … ${seconds()}\n`,
    );
  };
  show();
  const timer = setInterval(show, isTerminal ? TERMINAL_PROGRESS_MS : PLAIN_PROGRESS_MS);
  const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const code = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  }).finally(() => clearInterval(timer));
  if (isTerminal) process.stderr.write("\r\x1b[K");
  if (code !== 0) throw new Error(`${output}\n${label} failed: ${command} ${args.join(" ")}`);
  process.stderr.write(`${label}: done in ${seconds()}\n`);
}
