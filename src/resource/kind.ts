/** What a kind is made of. One schema gives the type, the validation, the JSON Schema and the reference page. */
import { z } from "zod";
import { metadataSchema } from "./metadata.ts";
import type { MeshObject, ObjectMeta } from "./object.ts";

import { type PathedViolation, violationsOf } from "./zod-violations.ts";

export interface KindOptions<O extends MeshObject> {
  readonly apiVersion: string;
  readonly kind: O["kind"];
  /** In lower case. */
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** What `metadata.name` may be. */
  readonly name: z.ZodType<string>;
  readonly spec: z.ZodType<O["spec"]>;
  /** Sentences for the reference page. */
  readonly description: string;
  /** Fields of `status` for the reference page. The control plane writes them, so nothing validates them. */
  readonly status: readonly { readonly path: string; readonly description: string }[];
  /** A valid document, for the reference page. */
  readonly example: string;
}

export type ValidationResult<O extends MeshObject> =
  | { readonly ok: true; readonly object: O }
  | { readonly ok: false; readonly violations: readonly PathedViolation[] };

export interface KindDefinition<O extends MeshObject = MeshObject> extends KindOptions<O> {
  /** The whole document. */
  readonly schema: z.ZodType;
  /** The object, every default filled in and `status` left out, or every violation. Never throws. */
  readonly validate: (document: unknown) => ValidationResult<O>;
}

export function defineKind<O extends MeshObject>(options: KindOptions<O>): KindDefinition<O> {
  const schema = z.strictObject({
    apiVersion: z.literal(options.apiVersion),
    kind: z.literal(options.kind),
    metadata: metadataSchema(options),
    spec: options.spec,
    status: z.unknown().optional().describe("Written by the control plane; ignored on input."),
  });
  return {
    ...options,
    schema,
    validate(document) {
      const parsed = schema.safeParse(document);
      if (!parsed.success) {
        return { ok: false, violations: violationsOf(parsed.error.issues, { document, schema }) };
      }
      const { metadata, spec } = parsed.data;
      const object = {
        apiVersion: options.apiVersion,
        kind: options.kind,
        metadata: keptMetadata(metadata),
        spec,
      };
      return { ok: true, object: object as unknown as O };
    },
  };
}

/** What says which object is meant, and what its author may set; no other field of a server. */
function keptMetadata(metadata: z.output<ReturnType<typeof metadataSchema>>): ObjectMeta {
  const { name, namespace, labels, annotations, uid, resourceVersion } = metadata;
  return {
    name,
    namespace,
    labels,
    annotations,
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
