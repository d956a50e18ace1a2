/**
 * The package's bill of materials (CycloneDX 1.6) out of its lock file: what a user's machine gets with it, with the
 * hashes that npm checks. Pure, and the same for the same lock file.
 */
import { createHash } from "node:crypto";

/** An entry of `packages` in `package-lock.json`, version 3. */
export interface LockedPackage {
  readonly version: string;
  readonly name?: string;
  readonly license?: string;
  /** Subresource integrity: algorithm, dash, base64. */
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** By place: "" is the package itself, others stand under `node_modules/`. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

const HASH_NAMES: Readonly<Record<string, string>> = {
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512",
};

/** What is installed with the package, by place. Throws nothing. */
export function runtimePackages(
  packages: LockedPackages,
): readonly (readonly [string, LockedPackage])[] {
  return Object.entries(packages).filter(([place, { dev }]) => place !== "" && dev !== true);
}

/** The document. Throws where the lock file holds a package without a hash: it would come unchecked. */
export function billOfMaterials(packages: LockedPackages): object {
  const root = packages[""]!;
  const runtime = runtimePackages(packages);
  const digest = createHash("sha256").update(JSON.stringify(runtime)).digest("hex");
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(digest)}`,
    version: 1,
    metadata: { component: { type: "application", ...described("", root) } },
    components: runtime.map(([place, entry]) => ({
      type: "library",
      ...described(place, entry),
      scope: entry.optional === true ? "optional" : "required",
      hashes: [hashOf(place, entry)],
    })),
    dependencies: [["", root] as const, ...runtime].map(([place, entry]) => ({
      ref: referenceOf(place, entry),
      dependsOn: dependenciesOf(packages, place, entry),
    })),
  };
}

function described(place: string, entry: LockedPackage): object {
  const name = nameOf(place, entry);
  const slash = name.indexOf("/");
  return {
    "bom-ref": referenceOf(place, entry),
    ...(slash < 0 ? { name } : { group: name.slice(0, slash), name: name.slice(slash + 1) }),
    version: entry.version,
    purl: purlOf(name, entry.version),
    ...(entry.license === undefined ? {} : { licenses: licensesOf(entry.license) }),
  };
}

/** An SPDX expression of one licence is that licence. */
function licensesOf(expression: string): readonly object[] {
  return /[ (]/.test(expression) ? [{ expression }] : [{ license: { id: expression } }];
}

function hashOf(place: string, { integrity = "" }: LockedPackage): object {
  const dash = integrity.indexOf("-");
  const alg = HASH_NAMES[integrity.slice(0, dash)];
  if (alg === undefined) throw new Error(`${place} has no hash in the lock file`);
  return { alg, content: Buffer.from(integrity.slice(dash + 1), "base64").toString("hex") };
}

/** A package may be there twice, in two places: the place tells them apart. */
function referenceOf(place: string, entry: LockedPackage): string {
  const purl = purlOf(nameOf(place, entry), entry.version);
  return place.lastIndexOf("node_modules/") > 0 ? `${purl}#${place}` : purl;
}

function nameOf(place: string, entry: LockedPackage): string {
  const folder = "node_modules/";
  return entry.name ?? place.slice(place.lastIndexOf(folder) + folder.length);
}

/** Package URL, type npm: the @ of a scope is percent-encoded. */
function purlOf(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function dependenciesOf(
  packages: LockedPackages,
  place: string,
  entry: LockedPackage,
): readonly string[] {
  const names = Object.keys({ ...entry.dependencies, ...entry.optionalDependencies });
  return names.flatMap((name) => {
    const at = resolve(packages, place, name);
    return at === undefined ? [] : [referenceOf(at, packages[at]!)];
  });
}

/** As Node looks for it: beside the package, then in each folder above. Undefined where it is not installed. */
function resolve(packages: LockedPackages, place: string, name: string): string | undefined {
  for (let folder = place; ; ) {
    const at = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (packages[at] !== undefined) return at;
    if (folder === "") return undefined;
    const up = folder.lastIndexOf("/node_modules/");
    folder = up < 0 ? "" : folder.slice(0, up);
  }
}

function uuidOf(hex: string): string {
  const digits = `${hex.slice(0, 12)}5${hex.slice(13, 16)}8${hex.slice(17, 32)}`;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
