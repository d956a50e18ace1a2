/** Applies the resources beside a mesh.yaml, and plain Services for what they leave out. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ApplyResponse } from "../../control-plane/api-types.ts";
import type { AdminClient } from "../admin-client.ts";
import type { CliContext } from "../context.ts";
import { failedError } from "../errors.ts";
import { readDocuments } from "../read-documents.ts";
import { applyDocuments } from "../run/apply-documents.ts";
import { createMissingServices } from "../run/default-service.ts";
import type { MeshFile } from "./mesh-file.ts";

const DEFAULT_FOLDER = "resources";

export interface Applied {
  /** Undefined when there was nothing to apply. */
  readonly response: ApplyResponse | undefined;
  /** Names of Services that nobody had described. */
  readonly createdServices: readonly string[];
}

/** Throws `CLI_FAILED` with every violation. `folder` is that of mesh.yaml, absolute. */
export async function applyResources(
  context: CliContext,
  admin: AdminClient,
  { file, folder }: { readonly file: MeshFile; readonly folder: string },
): Promise<Applied> {
  const path = file.resources ?? DEFAULT_FOLDER;
  const exists = await stat(join(folder, path)).then(
    () => true,
    () => false,
  );
  if (!exists && file.resources !== undefined) {
    throw failedError(`mesh.yaml: resources: there is no ${path} in ${folder}`);
  }
  const files = exists
    ? await readDocuments({ ...context, cwd: folder }, { isSet: () => true }, [path])
    : [];
  const response = files.length === 0 ? undefined : await applyDocuments(admin, files);
  const wishes = file.services.map(({ service, namespace, ports }) => ({
    service,
    namespace,
    ports,
  }));
  return { response, createdServices: await createMissingServices(admin, wishes) };
}
