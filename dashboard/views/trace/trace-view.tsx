/** To come. */
export function View() {
  return null;
}
