/** `tulle drain`: an instance out of service for maintenance. */
import type { Command } from "../command.ts";
import { INSTANCES, MAINTENANCE_OPTIONS, setMaintenance } from "../set-maintenance.ts";

export const command: Command = {
  name: "drain",
  summary: "Take instances out of service for maintenance",
  description:
    "Callers' sidecars send an instance that is drained no new requests; those under way end. It stays so until `tulle undrain`, or until it is gone, however well it is.",
  examples: [
    {
      line: "tulle drain catalog-v1-x7k2p --wait",
      summary: "Return once no proxy sends it requests any more",
    },
  ],
  arguments: [INSTANCES],
  options: MAINTENANCE_OPTIONS,
  formats: ["table", "json", "yaml", "name"],
  run: (context, input) => setMaintenance(context, input, "drain"),
};
