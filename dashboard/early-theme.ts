/** Puts the chosen theme on the page before anything is painted, so that it does not flash in the other one. */
try {
  const chosen = localStorage.getItem("tulle-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset["theme"] = chosen;
} catch {
  // A browser that keeps nothing shows the system's theme.
}
