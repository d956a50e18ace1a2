/** Reads a mesh.yaml from the disk. */
import { readFile } from "node:fs/promises";
import { failedError } from "../errors.ts";
import { type MeshFile, parseMeshFile } from "./mesh-file.ts";

/** `shown` is how messages call it. Throws `CLI_FAILED`. */
export async function readMeshFile(path: string, shown: string): Promise<MeshFile> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw failedError(
      code === "ENOENT" ? `${shown} does not exist` : `cannot read ${shown}: ${code}`,
    );
  }
  return parseMeshFile(text, shown);
}
