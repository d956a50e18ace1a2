/** What a store refuses, and what its caller may conclude. */
import type { MeshError } from "../core/errors.ts";
import type { ObjectKey } from "../resource/object.ts";
import type { FieldViolation } from "../resource/violation.ts";

export type StoreErrorDetail =
  /**
   * The object did not exist when the transaction ran; nothing of the transaction was written.
   * For a delete the goal is reached already. For an update: create it, or let it go.
   */
  | { readonly code: "not-found"; readonly key: ObjectKey }
  /** A create found the object; nothing was written. Somebody was faster: read theirs first. */
  | { readonly code: "already-exists"; readonly key: ObjectKey; readonly revision: number }
  /**
   * The object is not at the expected revision; nothing was written. Read it again, redo the change
   * upon what is there now, retry.
   */
  | {
      readonly code: "conflict";
      readonly key: ObjectKey;
      readonly expectedRevision: number;
      /** 0 when the object does not exist. */
      readonly actualRevision: number;
    }
  /** The request breaks the store's or the schema's rules. It will never succeed: don't retry. */
  | {
      readonly code: "invalid";
      readonly key: ObjectKey | null;
      readonly violations: readonly FieldViolation[];
    }
  /**
   * The change log doesn't reach back to the revision to watch from, or the revision lies ahead of
   * the store (which was then restored from a copy). Events were missed: list, then watch from the
   * revision of that list.
   */
  | {
      readonly code: "compacted";
      readonly fromRevision: number;
      /** The lowest revision that can be watched from. */
      readonly compactedRevision: number;
      readonly revision: number;
    }
  /** The store was closed. Whether a write in flight was made is unknown until it's opened again. */
  | { readonly code: "closed" }
  /**
   * The disk failed, is full or the file is damaged. A write that ends so may or may not have been
   * made: read before writing again.
   */
  | { readonly code: "unavailable" }
  /** Another process has the store open for writing. Stop it, or use another state directory. */
  | { readonly code: "in-use"; readonly file: string }
  /** A newer release wrote the file. Use that release, or another state directory. */
  | {
      readonly code: "newer-version";
      readonly file: string;
      readonly fileVersion: number;
      readonly supportedVersion: number;
    }
  /** The file isn't a store, or fails SQLite's integrity check. Restore it from a copy. */
  | { readonly code: "damaged"; readonly file: string; readonly findings: readonly string[] };

export type StoreError = MeshError<StoreErrorDetail>;
