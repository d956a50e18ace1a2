/** What to do next, in a sentence: commands in it are set as such. */

/** A command at the end of the sentence: `tulle` and what follows it. */
const COMMAND = /(?:^|\s|`)(tulle [a-z][^`]*?)[`.]?$/;

export function Hint({ text }: { readonly text: string }) {
  const command = COMMAND.exec(text)?.[1];
  const words = command === undefined ? text : text.slice(0, text.lastIndexOf(command));
  return (
    <>
      {/* What stands between backticks is every second part. */}
      {words
        .replace(/`$/, "")
        .split("`")
        .map((part, index) => (index % 2 === 0 ? part : <code key={part}>{part}</code>))}
      {command !== undefined && <code class="hint-command">{command}</code>}
    </>
  );
}
