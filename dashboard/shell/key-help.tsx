/** The list of keys. */
import { useEffect, useRef } from "preact/hooks";
import { isHelpOpen } from "../core/keys.ts";
import { Icon } from "../ui/icons.tsx";
import { VIEWS } from "../views/registry.ts";

const KEYS: readonly (readonly [string, string])[] = [
  ["/", "Search in this view"],
  ["↑ ↓", "From row to row"],
  ["?", "This list"],
];

export function KeyHelp() {
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = isHelpOpen.value;
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  const close = (): void => {
    isHelpOpen.value = false;
  };
  const views = VIEWS.flatMap(({ key, navigation }) =>
    key === undefined || navigation === undefined ? [] : [[`g ${key}`, navigation.title] as const],
  );
  return (
    <dialog ref={dialog} class="key-help" aria-label="Keys" onClose={close}>
      <div class="drawer-head">
        <h2>Keys</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <dl>
        {[...KEYS, ...views].map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
