/** Reads the files of `-f`: files, folders, standard input. Texts only; the control plane judges them. */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { CommandInput, OptionSpec } from "./command.ts";
import type { CliContext } from "./context.ts";
import { failedError, usageError } from "./errors.ts";
import { suggestion } from "./nearest.ts";

export interface DocumentFile {
  /** As the user would type it, for messages. `<stdin>` for standard input. */
  readonly name: string;
  readonly text: string;
}

const EXTENSIONS = [".yaml", ".yml", ".json"] as const;
/** A folder with more files than this was named by mistake. */
const FILES_MAX = 10_000;

export const FILE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "filename",
    short: "f",
    value: "PATH",
    isMultiple: true,
    summary: "A file, a folder, or - for standard input",
    completion: { kind: "files" },
  },
  { name: "recursive", short: "R", summary: "Read the folders inside folders too" },
];

/** The paths given by `-f`, then those given as arguments. */
export async function readDocuments(
  context: CliContext,
  input: Pick<CommandInput, "isSet">,
  paths: readonly string[],
): Promise<readonly DocumentFile[]> {
  if (paths.filter((path) => path === "-").length > 1) {
    throw usageError("standard input (-) can be read only once", "give - once");
  }
  const files: DocumentFile[] = [];
  for (const path of paths) {
    if (path === "-") files.push(await readStandardInput(context));
    else files.push(...(await readPath(context, path, input.isSet("recursive"))));
  }
  return files;
}

async function readStandardInput(context: CliContext): Promise<DocumentFile> {
  if (context.isStdinTTY && !context.globals.isQuiet) {
    context.stderr.write("reading documents from the terminal; end with Ctrl-D\n");
  }
  const text = await context.readStdin();
  if (text.trim() !== "") return { name: "<stdin>", text };
  throw failedError("standard input is empty", "pipe YAML or JSON documents into it");
}

async function readPath(
  context: CliContext,
  path: string,
  isRecursive: boolean,
): Promise<readonly DocumentFile[]> {
  const absolute = resolve(context.cwd, path);
  const stats = await stat(absolute).catch((error: NodeJS.ErrnoException) => error);
  if (stats instanceof Error) throw await unreadable(absolute, path, stats);
  if (!stats.isDirectory()) return [await readOne(absolute, path)];
  const names = await listFolder(absolute, isRecursive);
  if (names.length === 0) {
    throw failedError(
      `folder ${path} holds no ${EXTENSIONS.join(", ")} file`,
      isRecursive ? "check the path" : "folders inside it are read with -R",
    );
  }
  return Promise.all(names.map((name) => readOne(join(absolute, name), join(path, name))));
}

/** Relative paths, sorted, so that the order does not depend on the file system. */
async function listFolder(folder: string, isRecursive: boolean): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: isRecursive });
  const names = entries
    .filter((entry) => !entry.isDirectory())
    .filter((entry) => EXTENSIONS.some((extension) => entry.name.endsWith(extension)))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
  if (names.length > FILES_MAX) {
    throw usageError(
      `folder ${folder} holds more than ${FILES_MAX} files`,
      "name a folder below it",
    );
  }
  return names;
}

async function readOne(absolute: string, shown: string): Promise<DocumentFile> {
  try {
    const bytes = await readFile(absolute);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { name: shown, text };
  } catch (error) {
    if (error instanceof TypeError) throw failedError(`${shown} is not UTF-8 text`);
    throw await unreadable(absolute, shown, error as NodeJS.ErrnoException);
  }
}

async function unreadable(
  absolute: string,
  shown: string,
  error: NodeJS.ErrnoException,
): Promise<Error> {
  if (error.code !== "ENOENT") {
    return failedError(`cannot read ${shown}: ${error.code ?? error.message}`);
  }
  const siblings = await readdir(dirname(absolute)).catch(() => []);
  return failedError(`no such file or folder: ${shown}${suggestion(basename(absolute), siblings)}`);
}
