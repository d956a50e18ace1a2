/** Every board as a file of `deploy/grafana/boards`, by its path in the repository. */
import { type Board, grafanaBoard } from "./board.ts";
import { CONTROL_PLANE_BOARD, PROXY_BOARD, SECURITY_BOARD } from "./mesh-boards.ts";
import { MESH_BOARD, SERVICE_BOARD } from "./traffic-boards.ts";

export const BOARDS: readonly Board[] = [
  MESH_BOARD,
  SERVICE_BOARD,
  PROXY_BOARD,
  CONTROL_PLANE_BOARD,
  SECURITY_BOARD,
];

export function boardFiles(): ReadonlyMap<string, string> {
  return new Map(
    BOARDS.map((board) => [
      `deploy/grafana/boards/${board.id}.json`,
      `${JSON.stringify(grafanaBoard(board), null, 2)}\n`,
    ]),
  );
}
