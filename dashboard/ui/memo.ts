/** Leaves out the rendering of what did not change. `core/share.ts` keeps the identity of equal parts, so `===` is enough. */
import { Component, type FunctionComponent, h } from "preact";

/** How often something that was memoised has been rendered: what idle pages cost, for tests. */
export const renders = { count: 0 };

/** A component that is rendered only when one of its properties is another object or value. */
export function memo<P extends object>(inner: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      return hasChanged(this.props, next);
    }
    override render() {
      renders.count++;
      return h(inner, this.props);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}

function hasChanged(previous: object, next: object): boolean {
  const [a, b] = [previous as Record<string, unknown>, next as Record<string, unknown>];
  for (const name in a) if (!(name in b)) return true;
  for (const name in b) if (a[name] !== b[name]) return true;
  return false;
}
