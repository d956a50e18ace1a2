/** The command that shows the same as the view: what one sees can be had in a script. */
import { useState } from "preact/hooks";
import { Icon } from "./icons.tsx";

const COPIED_MS = 1_600;

/** Only what a terminal may run as it stands. */
export function CliLine({ command }: { readonly command: string }) {
  return (
    <div class="cli" title="The same on the command line">
      <span class="cli-prompt" aria-hidden="true">
        $
      </span>
      <code>{command}</code>
      <CopyButton text={command} label="Copy the command" />
    </div>
  );
}

export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
  const [isCopied, setIsCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setIsCopied(true);
    setTimeout(() => setIsCopied(false), COPIED_MS);
  };
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={isCopied ? "Copied" : label}
      onClick={() => void copy().catch(() => undefined)}
    >
      <Icon name={isCopied ? "config" : "copy"} size={14} />
    </button>
  );
}
