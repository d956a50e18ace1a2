/** What holds for all views: the time range, whether figures are live, and the theme. */

import { formatDate } from "../core/format.ts";
import { isHelpOpen } from "../core/keys.ts";
import { isOffline, isPaused, refresh, updatedMs } from "../core/live.ts";
import { chooseTheme, type Theme, theme } from "../core/theme.ts";
import { RANGES, showSince, timeRange } from "../core/time-range.ts";
import { Segmented } from "../ui/controls.tsx";
import { Icon, type IconName } from "../ui/icons.tsx";
import { NavigationDrawer } from "./navigation.tsx";

export function Header() {
  return (
    <header class="topbar">
      <NavigationDrawer />
      <Liveness />
      <div class="topbar-end">
        <Range />
        <ThemeButton />
        <button
          type="button"
          class="icon-button help-button"
          aria-label="Keys"
          onClick={() => {
            isHelpOpen.value = true;
          }}
        >
          ?
        </button>
      </div>
    </header>
  );
}

function Range() {
  const range = timeRange.value;
  return (
    <Segmented
      label="Time range"
      choices={RANGES.map((value) => ({ value, label: value }))}
      value={range.kind === "live" ? range.since : ""}
      onChoose={showSince}
    />
  );
}

/** Live, paused, in the past, or cut off. Said once by a screen reader when it changes, not with each poll. */
function Liveness() {
  const range = timeRange.value;
  if (range.kind === "fixed") {
    return (
      <div class="liveness">
        <span class="liveness-text">
          {formatDate(range.from)} – {formatDate(range.to)}
        </span>
        <button type="button" class="button button-small" onClick={() => showSince("15m")}>
          Back to live
        </button>
      </div>
    );
  }
  const state = isOffline.value ? "offline" : isPaused.value ? "paused" : "live";
  const words = { live: "Live", paused: "Paused", offline: "No answer" }[state];
  const time = updatedMs.value === 0 ? "" : new Date(updatedMs.value).toLocaleTimeString("en-GB");
  return (
    <div class={`liveness is-${state}`}>
      <button
        type="button"
        class="icon-button"
        aria-label={isPaused.value ? "Go on with live figures" : "Pause live figures"}
        onClick={() => {
          isPaused.value = !isPaused.value;
          if (!isPaused.value) refresh();
        }}
      >
        <Icon name={isPaused.value ? "play" : "pause"} size={14} />
      </button>
      <span class="liveness-dot" aria-hidden="true" />
      <span class="liveness-text" role="status">
        {words}
      </span>
      <span class="liveness-time faint">{time}</span>
    </div>
  );
}

const THEMES: Readonly<
  Record<Theme, { readonly next: Theme; readonly icon: IconName; readonly word: string }>
> = {
  system: { next: "light", icon: "system", word: "as the system" },
  light: { next: "dark", icon: "sun", word: "light" },
  dark: { next: "system", icon: "moon", word: "dark" },
};

function ThemeButton() {
  const { next, icon, word } = THEMES[theme.value];
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={`Theme: ${word}. Change to ${THEMES[next].word}`}
      onClick={() => chooseTheme(next)}
    >
      <Icon name={icon} />
    </button>
  );
}
