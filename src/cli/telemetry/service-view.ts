/** What commands have in common that show figures of a window as a table: of all Services or one, once or again and again. */
import type { ArgumentSpec, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { writeResult } from "../output/write-result.ts";
import { repeat } from "./repeat.ts";
import type { TelemetryClient, TelemetryQuery } from "./telemetry-client.ts";
import { serviceQuery, windowQuery } from "./window-options.ts";

export interface ServiceView<D> {
  readonly read: (telemetry: TelemetryClient, query: TelemetryQuery) => Promise<D>;
  readonly table: (context: CliContext, data: D, isWide: boolean) => string;
  /** Of `-o name`, where a command has that. */
  readonly names?: (data: D) => readonly string[];
}

/** `SERVICE`, which may be left out. */
export function serviceArgument(summary: string): ArgumentSpec {
  return { name: "SERVICE", summary, completion: { kind: "names", of: { kind: "Service" } } };
}

/** The `run` of a command with `serviceArgument`, `WINDOW_OPTIONS` and `WATCH_OPTION`. */
export function runServiceView<D extends object>(view: ServiceView<D>) {
  return async (context: CliContext, input: CommandInput): Promise<number> => {
    const { telemetry } = await context.adminClient();
    const about = serviceQuery(context, input.optionalArgument("SERVICE"));
    await repeat(context, input, async () => {
      const data = await view.read(telemetry, { ...windowQuery(context, input), ...about });
      await writeResult(context, {
        data,
        ...(view.names === undefined ? {} : { names: view.names(data) }),
        table: (isWide) => view.table(context, data, isWide),
      });
    });
    return EXIT_OK;
  };
}
