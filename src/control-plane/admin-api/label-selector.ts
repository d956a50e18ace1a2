/** The label selectors of the API, in kubectl's syntax: `app=catalog,version!=v1,zone in (a,b),!canary`. */
import { apiError } from "./api-error.ts";

export type LabelPredicate = (labels: Readonly<Record<string, string>>) => boolean;

const TERM =
  /^\s*(?:(?<absent>!)\s*(?<absentKey>[\w./-]+)|(?<key>[\w./-]+)\s*(?:(?<op>==|=|!=)\s*(?<value>[\w.-]*)|\s(?<set>in|notin)\s*\((?<values>[^()]*)\))?)\s*$/;

/** Throws `bad_request` naming the part that cannot be read. */
export function parseLabelSelector(text: string): LabelPredicate {
  const predicates = splitTerms(text).map(parseTerm);
  return (labels) => predicates.every((predicate) => predicate(labels));
}

/** Splits at commas outside parentheses. */
function splitTerms(text: string): readonly string[] {
  return text.trim() === "" ? [] : text.split(/,(?![^()]*\))/);
}

function parseTerm(term: string): LabelPredicate {
  const groups = TERM.exec(term)?.groups;
  if (groups === undefined) {
    throw apiError("bad_request", `"${term.trim()}" is no label selector`, {
      hint: "write key=value, key!=value, key in (a,b), key notin (a,b), key or !key",
    });
  }
  const { absentKey, key = "", op, value = "", set, values = "" } = groups;
  if (absentKey !== undefined) return (labels) => !Object.hasOwn(labels, absentKey);
  if (op !== undefined) {
    return op === "!=" ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  if (set !== undefined) {
    const wanted = new Set(values.split(",").map((one) => one.trim()));
    return set === "in"
      ? (labels) => Object.hasOwn(labels, key) && wanted.has(labels[key] ?? "")
      : (labels) => !wanted.has(labels[key] ?? "");
  }
  return (labels) => Object.hasOwn(labels, key);
}
