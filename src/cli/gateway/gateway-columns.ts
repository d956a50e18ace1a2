/** What `tulle get` shows of Gateways. */
import type { ResourceObject } from "../../control-plane/api-types.ts";
import { recordsAt, textAt } from "../json-view.ts";
import type { Style } from "../output/style.ts";
import type { Cell, Column } from "../output/table.ts";

interface GatewayColumns {
  readonly columns: readonly Column[];
  readonly cells: (object: ResourceObject, live: unknown, style: Style) => readonly Cell[];
}

export const GATEWAY_COLUMNS: GatewayColumns = {
  columns: [{ title: "LISTENERS" }, { title: "ROUTES", align: "right" }, { title: "PROGRAMMED" }],
  cells: (object, _live, style) => {
    const programmed = recordsAt(object.status, "conditions").find(
      (condition) => textAt(condition, "type") === "Programmed",
    );
    const isRunning = textAt(programmed, "status") === "True";
    const routes = recordsAt(object.status, "listeners").map((listener) =>
      Number(textAt(listener, "attachedRoutes") || "0"),
    );
    return [
      recordsAt(object.spec, "listeners")
        .map((one) => `${textAt(one, "name")}:${textAt(one, "port")}/${textAt(one, "protocol")}`)
        .join(","),
      String(routes.reduce((sum, count) => sum + count, 0)),
      {
        text: isRunning ? "True" : textAt(programmed, "reason") || "Unknown",
        paint: isRunning ? style.green : style.yellow,
      },
    ];
  },
};
