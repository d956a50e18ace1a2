/** The whole corpus. */
import type { OracleCase } from "../case.ts";
import { actionCases } from "./actions.ts";
import { filterCases } from "./filters.ts";
import { gatewayCases } from "./gateway.ts";
import { http2AnswerCases } from "./http2-answers.ts";
import { http2RequestCases } from "./http2-requests.ts";
import { jwtCases } from "./jwt.ts";
import { malformedCases } from "./malformed.ts";
import { meshCases } from "./mesh.ts";
import { messageCases } from "./messages.ts";
import { rbacCases } from "./rbac.ts";
import { resilienceCases } from "./resilience.ts";
import { routingCases } from "./routing.ts";
import { upgradeCases } from "./upgrades.ts";
import { versionCases } from "./versions.ts";

export const corpus: readonly OracleCase[] = [
  ...routingCases,
  ...actionCases,
  ...messageCases,
  ...malformedCases,
  ...upgradeCases,
  ...filterCases,
  ...jwtCases,
  ...rbacCases,
  ...resilienceCases,
  ...versionCases,
  ...http2RequestCases,
  ...http2AnswerCases,
  ...meshCases,
  ...gatewayCases,
];
