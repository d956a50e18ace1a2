/** The whole corpus. */
import type { OracleCase } from "../case.ts";
import { actionCases } from "./actions.ts";
import { malformedCases } from "./malformed.ts";
import { meshCases } from "./mesh.ts";
import { messageCases } from "./messages.ts";
import { routingCases } from "./routing.ts";
import { upgradeCases } from "./upgrades.ts";

export const corpus: readonly OracleCase[] = [
  ...routingCases,
  ...actionCases,
  ...messageCases,
  ...malformedCases,
  ...upgradeCases,
  ...meshCases,
];
