/** `MeshConfig.spec.pathNormalization`: what is made of the spellings of a path before it is judged and forwarded. */
import { z } from "zod";
import type { DeepReadonly } from "../object.ts";

/** Istio's modes, in the style of this API's other words; from the least to the most. */
export const PATH_NORMALIZATIONS = [
  "None",
  "Base",
  "MergeSlashes",
  "DecodeAndMergeSlashes",
] as const;

export const pathNormalization = z.strictObject({
  mode: z
    .enum(PATH_NORMALIZATIONS)
    .default("DecodeAndMergeSlashes")
    .describe(
      "What sidecars do to the path of each request before routes and policies see it; the app gets that same path. None: nothing. Base: dot segments removed, `\\` read as `/`, percent-encoded unreserved characters decoded, each once. MergeSlashes: and slashes in a row made one. DecodeAndMergeSlashes: and `%2F` and `%5C` decoded before all that. A path with `%00` is answered with 400 in every mode.",
    ),
  rejectEscapedSlashes: z
    .boolean()
    .default(false)
    .describe(
      "Whether a path with `%2F` or `%5C` is answered with 400, whatever the mode: for apps that read them as part of a name.",
    ),
});

export type PathNormalizationSpec = DeepReadonly<z.output<typeof pathNormalization>>;
