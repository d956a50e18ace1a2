/** Prints the package's bill of materials. A release has it in `dist/sbom.cdx.json`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { billOfMaterials } from "./bill-of-materials.ts";

const lock = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package-lock.json"), "utf8"));
process.stdout.write(`${JSON.stringify(billOfMaterials(lock.packages), undefined, 2)}\n`);
