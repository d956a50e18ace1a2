/**
 * Envoy's response flags. The number indexes series; the text is what people read. What each means, and which this proxy
 * cannot raise: `response-flag-explanations.ts`.
 */
export const RESPONSE_FLAGS = [
  "-",
  "NR",
  "NC",
  "UH",
  "UF",
  "UC",
  "UT",
  "UO",
  "URX",
  "UPE",
  "DPE",
  "DC",
  "SI",
  "DT",
  "UMSDR",
  "LR",
  "IH",
  "UR",
  "DI",
  "FI",
  "RFCF",
  "RL",
  "OM",
  "RLSE",
  "UAEX",
  "LH",
  "NFCF",
  "DF",
  "DO",
  "DR",
  "UDO",
] as const;

export type ResponseFlag = (typeof RESPONSE_FLAGS)[number];

export const FLAG = Object.fromEntries(
  RESPONSE_FLAGS.map((flag, index) => [flag === "-" ? "none" : flag, index]),
) as Readonly<Record<Exclude<ResponseFlag, "-"> | "none", number>>;
