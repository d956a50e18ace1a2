/** Applies documents for a command whose business is another one: what is refused is an error like any other. */

import type { InvalidDocuments } from "../../control-plane/api-error-types.ts";
import type { ApplyResponse } from "../../control-plane/api-types.ts";
import type { AdminClient } from "../admin-client.ts";
import { AdminApiError } from "../admin-transport.ts";
import { failedError } from "../errors.ts";
import { violationLines } from "../findings.ts";
import { createStyle } from "../output/style.ts";
import type { DocumentFile } from "../read-documents.ts";

/** Throws `CLI_FAILED` with a line per violation. */
export async function applyDocuments(
  admin: AdminClient,
  files: readonly DocumentFile[],
): Promise<ApplyResponse> {
  try {
    return await admin.apply({ files });
  } catch (error) {
    if (!(error instanceof AdminApiError) || error.apiCode !== "invalid") throw error;
    const { violations } = error.details as InvalidDocuments;
    const lines = violationLines(violations, createStyle(false)).trimEnd();
    throw failedError(`resources are refused, and none was written:\n${lines}`);
  }
}
