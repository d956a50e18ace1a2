/** Light, dark, or as the system has it. Charts draw on canvases, so they ask here what colours are. */
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "tulle-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** What the user chose. */
export const theme = signal<Theme>(stored());
/** Counts changes of colours: what is drawn depends on it. */
export const paints = signal(0);

function stored(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/** Colours by token in the present theme: to ask the browser costs a layout. */
const colors = new Map<string, string>();

function repaint(): void {
  colors.clear();
  paints.value++;
}

dark.addEventListener("change", repaint);

/** Whether it is dark now. */
export function isDark(): boolean {
  return theme.value === "dark" || (theme.value === "system" && dark.matches);
}

/** Takes a theme and keeps the choice. */
export function chooseTheme(chosen: Theme): void {
  const { dataset } = document.documentElement;
  try {
    if (chosen === "system") {
      delete dataset["theme"];
      localStorage.removeItem(KEY);
    } else {
      dataset["theme"] = chosen;
      localStorage.setItem(KEY, chosen);
    }
  } catch {
    // It holds for this page then.
  }
  theme.value = chosen;
  repaint();
}

/** What a token of `tokens.css` is in the present theme, as a canvas takes it. */
export function colorOf(token: string): string {
  const known = colors.get(token);
  if (known !== undefined) return known;
  const probe = document.createElement("i");
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  colors.set(token, color);
  return color;
}

/** Whether the user asks for things to stand still. */
export function isMotionReduced(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
