/** Controls of views whose values stand in the address. */
import { parameter, setParameters } from "../core/location.ts";
import { Icon } from "./icons.tsx";

export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** One of a few. */
export function Segmented({
  label,
  choices,
  value,
  onChoose,
}: {
  readonly label: string;
  readonly choices: readonly Choice[];
  readonly value: string;
  readonly onChoose: (value: string) => void;
}) {
  return (
    <fieldset class="segmented">
      <legend class="visually-hidden">{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value} class={choice.value === value ? "is-chosen" : ""}>
          <input
            type="radio"
            name={label}
            value={choice.value}
            checked={choice.value === value}
            onChange={() => onChoose(choice.value)}
          />
          <span>{choice.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** The same, for a parameter of the address. The first choice is the default and leaves it out. */
export function SegmentedParameter({
  name,
  label,
  choices,
}: {
  readonly name: string;
  readonly label: string;
  readonly choices: readonly Choice[];
}) {
  const [first] = choices;
  return (
    <Segmented
      label={label}
      choices={choices}
      value={parameter(name) || (first?.value ?? "")}
      onChoose={(value) => setParameters({ [name]: value === first?.value ? null : value })}
    />
  );
}

/** Text to look for. `/` leads here. */
export function SearchField({
  name,
  label,
  isMain = false,
}: {
  readonly name: string;
  readonly label: string;
  /** Whether `/` means this one. */
  readonly isMain?: boolean;
}) {
  return (
    <label class="search">
      <Icon name="search" size={14} />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={parameter(name)}
        data-search={isMain ? "" : undefined}
        onInput={({ currentTarget }) => setParameters({ [name]: currentTarget.value })}
      />
      {isMain && <kbd>/</kbd>}
    </label>
  );
}

/** One of many. */
export function SelectParameter({
  name,
  label,
  choices,
}: {
  readonly name: string;
  readonly label: string;
  readonly choices: readonly Choice[];
}) {
  return (
    <label class="select">
      <span>{label}</span>
      <select
        value={parameter(name)}
        onChange={({ currentTarget }) => setParameters({ [name]: currentTarget.value })}
      >
        {choices.map(({ value, label: text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
