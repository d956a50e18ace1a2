/** How long ago an instant was. Only its text changes as time goes on, not the row that it stands in. */
import { formatAge, formatDate } from "../core/format.ts";
import { nowMs } from "../core/now.ts";

export function Age({ at, prefix = "" }: { readonly at: string; readonly prefix?: string }) {
  return (
    <time dateTime={at} title={formatDate(at)}>
      {prefix}
      {formatAge(at, nowMs.value)}
    </time>
  );
}
