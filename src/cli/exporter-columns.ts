/** What `tulle get telemetryexporters` shows besides whether they are accepted. */
import { asRecord, textAt, valueAt } from "./json-view.ts";
import type { TextColumns } from "./trust-columns.ts";

const TARGETS = ["otlp", "zipkin", "elasticsearch", "loki", "forward", "syslog", "file"];
const PLACES = ["endpoint", "host", "path"];

export const EXPORTER_TEXTS: TextColumns = {
  titles: ["TARGET", "TO", "SIGNALS"],
  texts: (spec) => {
    const target = TARGETS.find((name) => spec[name] !== undefined) ?? "";
    const settings = asRecord(spec[target]);
    const port = valueAt(settings, "port");
    const place = PLACES.map((name) => textAt(settings, name)).find((text) => text !== "") ?? "";
    const signals = spec["signals"];
    return [
      target,
      typeof port === "number" ? `${place}:${port}` : place,
      Array.isArray(signals) ? signals.join(",") : "",
    ];
  },
};
