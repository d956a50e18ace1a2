/** Navigation, header and the view between them. */
import { isLoginNeeded } from "../core/api.ts";
import { path } from "../core/location.ts";
import { ErrorBoundary } from "./error-boundary.tsx";
import { Header } from "./header.tsx";
import { KeyHelp } from "./key-help.tsx";
import { Login } from "./login.tsx";
import { Navigation } from "./navigation.tsx";
import { ViewHost } from "./view-host.tsx";

export function App() {
  return (
    <div class="app">
      <a class="skip-link" href="#main">
        Skip to content
      </a>
      <Navigation />
      <div class="stage">
        <Header />
        <main id="main" tabIndex={-1}>
          {isLoginNeeded.value ? (
            <Login />
          ) : (
            <ErrorBoundary key={path.value}>
              <ViewHost path={path.value} />
            </ErrorBoundary>
          )}
        </main>
      </div>
      <KeyHelp />
    </div>
  );
}
