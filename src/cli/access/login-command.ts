/** `tulle login`: a token of the identity provider, by the browser, kept for the commands that follow. */
import {
  // biome-ignore lint/suspicious/noDeprecatedImports: for an issuer on loopback, where there is nobody to listen.
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  discovery,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from "openid-client";
import type { LoginResponse } from "../../control-plane/access-types.ts";
import { messageOf } from "../../core/errors.ts";
import type { Command, CommandInput } from "../command.ts";
import type { CliContext } from "../context.ts";
import { CliError, failedError, usageError } from "../errors.ts";
import { EXIT_OK } from "../exit-codes.ts";
import { storeCredentials } from "./credentials.ts";
import { listenForCallback } from "./loopback-callback.ts";

export const command: Command = {
  name: "login",
  summary: "Log in to a control plane with your identity provider",
  description: `Prints an address to open in a browser on this machine; when you have logged in there, the token is kept in credentials.json in $TULLE_HOME (mode 0600) and shown to that control plane from then on, until it expires.

The control plane says which identity provider: MeshConfig spec.access.oidc with clientId, a public client that may be sent back to http://127.0.0.1 (any port, path /callback).`,
  examples: [
    {
      line: "tulle login --control-plane https://192.0.2.7:7701 --ca-file ca.crt",
      summary: "Then `tulle --control-plane https://192.0.2.7:7701 status`",
    },
  ],
  options: [
    { name: "timeout", value: "DURATION", default: "5m", summary: "How long to wait for you" },
  ],
  run,
};

async function run(context: CliContext, input: CommandInput): Promise<number> {
  const timeoutMs = input.durationMs("timeout");
  const client = await context.adminClient({ isAnonymous: true });
  if (client.address.startsWith("unix:")) {
    throw usageError(
      "the unix socket needs no login",
      "name another with --control-plane http://HOST:PORT or https://HOST:PORT",
    );
  }
  const settings = await client.login();
  const token = await logIn(context, settings, timeoutMs);
  const { caFile } = context.globals;
  await storeCredentials(client.address, { token, caFile }, context);
  const shown = (await context.adminClient()).whoami();
  const { name, role } = await shown;
  context.stdout.write(`${name} is ${role}\n`);
  return EXIT_OK;
}

async function logIn(
  context: CliContext,
  { issuer, clientId, scopes }: LoginResponse,
  timeoutMs: number,
): Promise<string> {
  const server = new URL(issuer);
  const isLocal = /^(127\.[\d.]+|\[::1\]|localhost)$/.test(server.hostname);
  const config = await discovery(server, clientId, undefined, None(), {
    execute: isLocal && server.protocol === "http:" ? [allowInsecureRequests] : [],
  }).catch((error: unknown) => {
    throw failedError(`the identity provider ${issuer} cannot be asked: ${messageOf(error)}`);
  });
  const deadline = AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)]);
  const callback = await listenForCallback(deadline);
  try {
    const [pkceCodeVerifier, expectedState, expectedNonce] = [
      randomPKCECodeVerifier(),
      randomState(),
      randomNonce(),
    ];
    const url = buildAuthorizationUrl(config, {
      redirect_uri: callback.redirectUri,
      scope: scopes.join(" "),
      code_challenge: await calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
      state: expectedState,
      nonce: expectedNonce,
    });
    context.stderr.write(`open this address in a browser:\n${url.href}\n`);
    const arrived = await callback.arrived;
    const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
    const { id_token: idToken } = await authorizationCodeGrant(config, arrived, checks);
    if (idToken !== undefined) return idToken;
    throw failedError("the identity provider gave no ID token", "is openid among the scopes?");
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (deadline.aborted && !context.signal.aborted) {
      throw new CliError("CLI_TIMED_OUT", "nobody logged in in time", "raise --timeout");
    }
    throw failedError(`the login failed: ${messageOf(error)}`);
  } finally {
    callback.close();
  }
}
