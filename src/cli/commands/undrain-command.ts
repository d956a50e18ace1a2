/** `tulle undrain`: an instance back in service. */
import type { Command } from "../command.ts";
import { INSTANCES, MAINTENANCE_OPTIONS, setMaintenance } from "../set-maintenance.ts";

export const command: Command = {
  name: "undrain",
  summary: "Put drained instances back into service",
  description: "Ends what `tulle drain` began: an instance gets requests again once it is well.",
  examples: [{ line: "tulle undrain catalog-v1-x7k2p", summary: "It gets requests again" }],
  arguments: [INSTANCES],
  options: MAINTENANCE_OPTIONS,
  formats: ["table", "json", "yaml", "name"],
  run: (context, input) => setMaintenance(context, input, "undrain"),
};
