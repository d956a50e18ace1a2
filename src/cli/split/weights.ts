/** Parses `v1=90 v2=10`, `v1=99.5% v2=0.5%`: which version gets which share. */
import { usageError } from "../errors.ts";

export interface VersionWeight {
  /** A version (`v1`) or the name of a Service that is one (`catalog-v1`). */
  readonly name: string;
  /** 0 to 1,000,000; shares are relative to the sum. */
  readonly weight: number;
}

/** Gateway API v1, HTTPBackendRef.weight. */
const WEIGHT_MAX = 1_000_000;
/** Gateway API v1, HTTPRouteRule.backendRefs. */
const BACKENDS_MAX = 16;
/** Percentages may have two decimals; weights are whole, so they are hundredths of a percent then. */
const HUNDREDTHS = 100;

const EXAMPLE = "write for example: tulle split catalog v1=90 v2=10";

/** Throws a usage error that names the word and the fix. */
export function parseWeights(words: readonly string[]): readonly VersionWeight[] {
  const parsed = words.map(parseWord);
  const seen = new Set<string>();
  for (const { name } of parsed) {
    if (seen.has(name))
      throw usageError(`"${name}" is given twice`, "give each version one weight");
    seen.add(name);
  }
  if (parsed.length > BACKENDS_MAX) {
    throw usageError(`${parsed.length} versions; a rule holds at most ${BACKENDS_MAX}`);
  }
  const percentCount = parsed.filter((word) => word.isPercent).length;
  const weights = percentCount === 0 ? parsed : fromPercentages(parsed, percentCount);
  const sum = weights.reduce((total, { weight }) => total + weight, 0);
  if (words.length > 0 && sum === 0) {
    throw usageError(
      "all weights are 0, so every request would fail",
      "give at least one version a weight above 0",
    );
  }
  return weights.map(({ name, weight }) => ({ name, weight }));
}

interface ParsedWord {
  readonly name: string;
  readonly weight: number;
  readonly isPercent: boolean;
}

function parseWord(word: string): ParsedWord {
  const equals = word.lastIndexOf("=");
  const name = word.slice(0, Math.max(0, equals));
  const text = word.slice(equals + 1);
  if (equals < 1) throw usageError(`"${word}" is not VERSION=WEIGHT`, EXAMPLE);
  if (text.endsWith("%")) return { name, weight: parsePercent(name, text), isPercent: true };
  const weight = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (!(weight <= WEIGHT_MAX)) {
    throw usageError(
      `weight of ${name}: "${text}" is not a whole number from 0 to ${WEIGHT_MAX}`,
      "write a whole number (v1=90), or percentages for all (v1=99.5% v2=0.5%)",
    );
  }
  return { name, weight, isPercent: false };
}

function parsePercent(name: string, text: string): number {
  const number = text.slice(0, -1);
  const percent = /^\d{1,3}(\.\d{1,2})?$/.test(number) ? Number(number) : Number.NaN;
  if (percent <= 100) return percent;
  throw usageError(
    `weight of ${name}: "${text}" is not a percentage from 0% to 100% with at most two decimals`,
    "write for example v1=99.5% v2=0.5%",
  );
}

/** Whole percentages stay as they are; with decimals all are counted in hundredths. */
function fromPercentages(
  parsed: readonly ParsedWord[],
  percentCount: number,
): readonly ParsedWord[] {
  if (percentCount < parsed.length) {
    throw usageError(
      "percentages and plain weights are mixed",
      "write % after all of them, or none",
    );
  }
  const sum = parsed.reduce((total, { weight }) => total + Math.round(weight * HUNDREDTHS), 0);
  if (sum !== 100 * HUNDREDTHS) {
    throw usageError(
      `the percentages add up to ${sum / HUNDREDTHS}%, not 100%`,
      "make them add up to 100%, or leave out the % to give relative weights",
    );
  }
  if (parsed.every(({ weight }) => Number.isInteger(weight))) return parsed;
  return parsed.map((word) => ({ ...word, weight: Math.round(word.weight * HUNDREDTHS) }));
}
