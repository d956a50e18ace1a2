/** A view that breaks takes nothing else with it, and says so. */
import { Component, type ComponentChildren } from "preact";
import { Mark } from "../ui/status.tsx";

interface State {
  readonly message: string | undefined;
}

export class ErrorBoundary extends Component<{ readonly children: ComponentChildren }, State> {
  override state: State = { message: undefined };

  override componentDidCatch(error: unknown): void {
    this.setState({ message: error instanceof Error ? error.message : String(error) });
  }

  override render() {
    const { message } = this.state;
    if (message === undefined) return this.props.children;
    return (
      <div class="failure" role="alert">
        <Mark look={{ shape: "square", tone: "bad" }} />
        <div>
          <strong>This view has a defect.</strong>
          <p>{message}</p>
        </div>
        <button type="button" class="button" onClick={() => this.setState({ message: undefined })}>
          Show it again
        </button>
      </div>
    );
  }
}
