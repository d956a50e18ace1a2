/**
 * The hosts of a mesh as translation names them: of a Service (`catalog.default.svc.tulle.local`), and of one instance of
 * a headless Service (`shard-0.shards.default.svc.tulle.local`).
 */

export interface MeshHost {
  /** Of a stateful service; undefined for the Service itself. */
  readonly instance: string | undefined;
  readonly service: string;
  readonly namespace: string;
}

/** Undefined for other hosts. */
export function meshHostOf(host: string): MeshHost | undefined {
  const [first = "", second = "", third = "", fourth] = host.split(".");
  if (third === "svc") return { instance: undefined, service: first, namespace: second };
  if (fourth === "svc") return { instance: first, service: second, namespace: third };
  return undefined;
}

/**
 * Whether a caller of the namespace means the host by the word: `catalog` in the caller's own namespace,
 * `catalog.shop`, `catalog.shop.svc`, or the whole name; for an instance the same behind its own name.
 */
export function isNameOf(word: string, host: string, namespace: string): boolean {
  if (word === host) return true;
  const named = meshHostOf(host);
  if (named === undefined) return false;
  const full = `${nameOf(named)}.${named.namespace}`;
  if (word === full || word === `${full}.svc`) return true;
  return named.namespace === namespace && word === nameOf(named);
}

/** `catalog`, or `catalog.shop` for a Service of another namespace than the caller's. */
export function shortName(host: string, namespace: string): string {
  const named = meshHostOf(host);
  if (named === undefined) return host;
  return named.namespace === namespace ? nameOf(named) : `${nameOf(named)}.${named.namespace}`;
}

function nameOf({ instance, service }: MeshHost): string {
  return instance === undefined ? service : `${instance}.${service}`;
}
