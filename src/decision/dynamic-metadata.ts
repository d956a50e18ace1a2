/**
 * What filters have found out about a request, for those behind them: Envoy's dynamic metadata. Nested values under
 * the name of the filter that wrote them. Never changed once given, so that requests may share it.
 */

/** As JSON has them. Objects are maps: no name in them means anything to the language. */
export type MetadataValue =
  | null
  | boolean
  | number
  | string
  | readonly MetadataValue[]
  | MetadataMap;

export interface MetadataMap extends ReadonlyMap<string, MetadataValue> {}

/** By the name under which a filter writes: for Envoy's own the name of the filter. */
export type DynamicMetadata = ReadonlyMap<string, MetadataMap>;

/** The value at a path of names, or undefined where there is none. Lists are not entered. */
export function metadataAt(
  metadata: DynamicMetadata | undefined,
  namespace: string,
  path: readonly string[],
): MetadataValue | undefined {
  const root = metadata?.get(namespace);
  return root === undefined ? undefined : valueAt(root, path);
}

/** The same inside one map. */
export function valueAt(root: MetadataMap, path: readonly string[]): MetadataValue | undefined {
  let value: MetadataValue | undefined = root;
  for (let i = 0; i < path.length; i++) {
    if (!isMetadataMap(value)) return undefined;
    value = value.get(path[i]!);
  }
  return value;
}

export function isMetadataMap(value: MetadataValue | undefined): value is MetadataMap {
  return value instanceof Map;
}

/** `metadata` with `fields` in a namespace; those that stand there under other names stay. */
export function withMetadata(
  metadata: DynamicMetadata | undefined,
  namespace: string,
  fields: MetadataMap,
): DynamicMetadata {
  const before = metadata?.get(namespace);
  const merged = before === undefined ? fields : new Map([...before, ...fields]);
  return new Map([...(metadata ?? []), [namespace, merged]]);
}

/** All that `added` has, in place of what stood under the same names. */
export function mergeMetadata(
  metadata: DynamicMetadata | undefined,
  added: DynamicMetadata,
): DynamicMetadata {
  if (metadata === undefined) return added;
  let merged = metadata;
  for (const [namespace, fields] of added) merged = withMetadata(merged, namespace, fields);
  return merged;
}
