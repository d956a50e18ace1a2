/**
 * Versions of a service. As the Gateway API means it, a version is a Service of its own whose selector is the
 * parent's plus one label; here that label is `version`. Finds the Service of each version, or designs it.
 */
import type { Service } from "../../resource/kinds/service.ts";
import { failedError } from "../errors.ts";
import { nearest } from "../nearest.ts";

export const VERSION_LABEL = "version";

/** RFC 1123 label. */
const NAME_LENGTH_MAX = 63;

export interface VersionCatalog {
  readonly parent: Service;
  /** Services of the parent's namespace. */
  readonly services: readonly Service[];
  /** Values of the label on the parent's instances. */
  readonly runningVersions: readonly string[];
  /** Services that the rule to change sends to already. */
  readonly currentBackends: readonly string[];
}

export interface VersionBackend {
  /** Empty when the Service is not one of the parent's versions. */
  readonly version: string;
  readonly service: Service;
  /** The Service does not exist yet. */
  readonly isNew: boolean;
}

/** The backend that a word of the command line means. Throws when there is none, naming the nearest. */
export function resolveBackend(catalog: VersionCatalog, word: string): VersionBackend {
  const { services, parent } = catalog;
  const existing = findVersionService(catalog, word);
  if (existing !== undefined) {
    return { version: word, service: existing, isNew: false };
  }
  const named = services.find((service) => service.metadata.name === word);
  if (named !== undefined && isBackend(catalog, named)) {
    return { version: versionOf(catalog, named) ?? "", service: named, isNew: false };
  }
  if (catalog.runningVersions.includes(word)) {
    return { version: word, service: newVersionService(catalog, word), isNew: true };
  }
  throw unknownVersion(catalog, word, parent.metadata.name);
}

/** The versions that can be named, sorted. */
export function knownVersions(catalog: VersionCatalog): readonly string[] {
  const declared = catalog.services
    .map((service) => versionOf(catalog, service))
    .filter((version) => version !== undefined);
  return [...new Set([...declared, ...catalog.runningVersions])].sort();
}

function isBackend(catalog: VersionCatalog, service: Service): boolean {
  const isCurrent = catalog.currentBackends.includes(service.metadata.name);
  return isCurrent || versionOf(catalog, service) !== undefined;
}

/** The Service made for the version; one with the usual name wins over others. */
function findVersionService(catalog: VersionCatalog, version: string): Service | undefined {
  const found = catalog.services.filter((service) => versionOf(catalog, service) === version);
  const usual = usualName(catalog.parent.metadata.name, version);
  return found.find((service) => service.metadata.name === usual) ?? found[0];
}

/** The version that the Service stands for: its selector is the parent's and the label, nothing else. */
function versionOf(catalog: VersionCatalog, service: Service): string | undefined {
  const { [VERSION_LABEL]: version, ...others } = service.spec.selector ?? {};
  const expected = catalog.parent.spec.selector ?? {};
  const keys = Object.keys(expected);
  const isSame =
    keys.length === Object.keys(others).length &&
    keys.every((key) => others[key] === expected[key]);
  return isSame ? version : undefined;
}

function newVersionService(catalog: VersionCatalog, version: string): Service {
  const { parent } = catalog;
  const name = usualName(parent.metadata.name, version);
  if (name.length > NAME_LENGTH_MAX) {
    throw failedError(
      `the Service for version "${version}" would be named ${name}, longer than ${NAME_LENGTH_MAX} characters`,
      `write a Service with a shorter name yourself, with the selector of ${parent.metadata.name} plus ${VERSION_LABEL}: ${version}`,
    );
  }
  if (catalog.services.some((service) => service.metadata.name === name)) {
    throw failedError(
      `Service ${name} exists, but its selector is not that of ${parent.metadata.name} plus ${VERSION_LABEL}=${version}`,
      `correct its spec.selector, or delete it and run this again`,
    );
  }
  const { labels, namespace } = parent.metadata;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels: { ...labels, [VERSION_LABEL]: version }, annotations: {} },
    spec: {
      selector: { ...parent.spec.selector, [VERSION_LABEL]: version },
      ports: parent.spec.ports,
      type: "ClusterIP",
    },
  };
}

/** `catalog-v1`; characters that a name may not hold become dashes. */
function usualName(parent: string, version: string): string {
  const slug = version.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return `${parent}-${slug}`.replace(/-+$/, "");
}

function unknownVersion(catalog: VersionCatalog, word: string, parent: string): Error {
  const versions = knownVersions(catalog);
  const close = nearest(word, [...versions, ...catalog.currentBackends]);
  const suffix = close === undefined ? "" : ` (did you mean "${close}"?)`;
  const hint =
    versions.length === 0
      ? `none of its instances carries the label ${VERSION_LABEL}: start them with \`tulle run --labels ${VERSION_LABEL}=v1 …\``
      : `its versions are ${versions.join(", ")}`;
  return failedError(`service ${parent} has no version "${word}"${suffix}`, hint);
}
