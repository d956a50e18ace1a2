/** What a view is given, and what its module exports. */
import type { FunctionComponent } from "preact";

/** Values of the path's `:parameters`. */
export interface ViewProps {
  readonly parameters: Readonly<Record<string, string>>;
}

export interface ViewModule {
  readonly View: FunctionComponent<ViewProps>;
}
