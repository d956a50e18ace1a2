/** The schema of `metadata`. Fields that servers write are taken and, but for a few, dropped. */
import { z } from "zod";
import { dnsLabel } from "./fields.ts";

const LABEL_KEY =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

/** A label or annotation key of Kubernetes. */
function labelKey() {
  return z.string().min(1).max(317).regex(LABEL_KEY, {
    error:
      "a key: optional DNS name and /, then up to 63 letters, digits, -, _ and ., first and last a letter or digit",
  });
}

/** Labels, or a selector of labels. */
export function labels() {
  return z.record(
    labelKey(),
    z.string().max(63).regex(LABEL_VALUE, {
      error: "letters, digits, -, _ and ., first and last a letter or digit, or empty",
    }),
  );
}

const SERVER_WRITTEN = "Written by servers; ignored on input.";

/** `name` is the kind's own rule for names. */
export function metadataSchema(kind: {
  readonly name: z.ZodType<string>;
  readonly namespaced: boolean;
}) {
  return z.strictObject({
    name: kind.name.describe("Unique among its kind and namespace."),
    namespace: kind.namespaced
      ? dnsLabel().default("default").describe("Where the object lives.")
      : z.literal("").default("").describe("The kind is cluster-scoped and has none."),
    labels: labels().default({}).describe("To select objects by."),
    annotations: z
      .record(labelKey(), z.string().max(262_144))
      .default({})
      .describe("Any text, for tools and people."),
    uid: z.string().max(64).optional().describe("Given by the store."),
    generation: z.int().min(0).optional().describe("Given by the store: changes of spec."),
    resourceVersion: z
      .string()
      .max(32)
      .optional()
      .describe("Given by the store: the revision that last wrote the object."),
    creationTimestamp: z.string().max(64).nullable().optional().describe("Given by the store."),
    deletionGracePeriodSeconds: z.int().optional().describe(SERVER_WRITTEN),
    deletionTimestamp: z.string().nullable().optional().describe(SERVER_WRITTEN),
    finalizers: z.array(z.string()).optional().describe(SERVER_WRITTEN),
    generateName: z.string().optional().describe(SERVER_WRITTEN),
    managedFields: z.array(z.unknown()).optional().describe(SERVER_WRITTEN),
    ownerReferences: z.array(z.unknown()).optional().describe(SERVER_WRITTEN),
    selfLink: z.string().optional().describe(SERVER_WRITTEN),
  });
}
