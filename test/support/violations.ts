/** Judges one object of a kind, for tests of schemas. */
import assert from "node:assert/strict";
import type { AnyObject } from "../../src/resource/kind-map.ts";
import { registry } from "../../src/resource/registry.ts";

interface LooseDocument {
  readonly apiVersion: string;
  readonly kind: string;
}

/** `path code` of each violation, in the order of the schema. */
export function violationsIn(document: LooseDocument): readonly string[] {
  const validation = definitionOf(document).validate(document);
  return validation.ok ? [] : validation.violations.map(({ path, code }) => `${path} ${code}`);
}

/** The object that a valid document is. */
export function parsed(document: LooseDocument): AnyObject {
  const validation = definitionOf(document).validate(document);
  assert.ok(validation.ok, JSON.stringify(validation));
  return validation.object;
}

function definitionOf({ apiVersion, kind }: LooseDocument) {
  const definition = registry.find(apiVersion, kind);
  assert.ok(definition, `${apiVersion} ${kind}`);
  return definition;
}
