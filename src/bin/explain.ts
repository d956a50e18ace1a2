/** `tulle explain` without a control plane: by documents, or by a proxy's configuration dump. */
import type { Programs } from "../cli/command-entry.ts";
import { CliError } from "../cli/errors.ts";
import { apiErrorResponse } from "../control-plane/admin-api/api-error.ts";
import { checkAuthorization } from "../control-plane/authz/authz-check.ts";
import { dumpExplainer } from "../control-plane/explain/explain-dump.ts";
import { explainInDocuments, meshOfDocuments } from "../control-plane/explain/explain-mesh.ts";
import { systemClock } from "../core/clock.ts";
import { messageRegistry } from "../proxy/config/message-registry.ts";
import { defaultMeshConfigSpec } from "../resource/kinds/mesh-config.ts";
import { registry as kinds } from "../resource/registry.ts";

export const explain: Programs["explain"] = {
  inDocuments: (request, files) =>
    failingAsCommand(() => {
      const { trustDomain } = defaultMeshConfigSpec();
      const nowMs = systemClock.nowMs();
      return explainInDocuments(request, { files, kinds, trustDomain, nowMs });
    }),
  authorize: (request, files) =>
    failingAsCommand(() => {
      const { trustDomain } = defaultMeshConfigSpec();
      const { snapshot } = meshOfDocuments({
        ...{ files, kinds, trustDomain },
        nowMs: systemClock.nowMs(),
      });
      return checkAuthorization(request, snapshot, []);
    }),
  inDump: (request, dump) =>
    failingAsCommand(() => {
      const { from: proxy = null, namespace = "default" } = request;
      return dumpExplainer(dump, messageRegistry, { namespace, proxy }).explain(request);
    }),
};

/** What the admin API would answer with, as a failure of the command. */
async function failingAsCommand<T>(act: () => T): Promise<T> {
  try {
    return act();
  } catch (error) {
    const { error: body } = apiErrorResponse(error).body;
    if (body.code === "internal") throw error;
    throw new CliError("CLI_FAILED", body.message, body.hint, error);
  }
}
