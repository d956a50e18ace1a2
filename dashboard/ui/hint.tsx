/** What to do next, in a sentence: a command in it is set as one. */

/** A command at the end of the sentence: `tulle` and what follows it. */
const COMMAND = /(?:^|\s|`)(tulle [a-z][^`]*?)[`.]?$/;

export function Hint({ text }: { readonly text: string }) {
  const command = COMMAND.exec(text)?.[1];
  if (command === undefined) return <>{text}</>;
  return (
    <>
      {text.slice(0, text.lastIndexOf(command)).replace(/`$/, "")}
      <code class="nowrap">{command}</code>
    </>
  );
}
