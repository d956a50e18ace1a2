/** Asks for a token where the API wants to know who reads. */
import { useState } from "preact/hooks";
import { keepToken } from "../core/api.ts";
import { refresh } from "../core/live.ts";
import { CliLine } from "../ui/cli-line.tsx";

export function Login() {
  const [token, setToken] = useState("");
  return (
    <section class="login" aria-labelledby="page-title">
      <h1 id="page-title" tabIndex={-1}>
        Who are you?
      </h1>
      <p>
        This control plane shows its figures only to those it knows. A command brings you here with
        the token that you have:
      </p>
      <CliLine command="tulle dashboard" />
      <p>Or paste a token. It stays in this tab and goes with it.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          keepToken(token.trim());
          refresh();
        }}
      >
        <label>
          <span>Token</span>
          <input
            type="password"
            autocomplete="off"
            required
            value={token}
            onInput={({ currentTarget }) => setToken(currentTarget.value)}
          />
        </label>
        <button type="submit" class="button button-primary">
          Show the dashboard
        </button>
      </form>
      <p class="muted">
        <code>tulle token create --role viewer NAME</code> makes one on the machine of the control
        plane; <code>tulle login</code> gets one from your identity provider.
      </p>
    </section>
  );
}
