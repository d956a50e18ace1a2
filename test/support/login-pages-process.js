/**
 * A real identity provider (oidc-provider) in a process of its own, with pages on which people log in, consent and log out.
 * Reads what it is from its environment, says its port and each grant on standard output.
 */
import { createServer } from "node:http";
import Provider from "oidc-provider";

const { JWKS, CLIENT_ID, CLIENT_SECRET, REDIRECT_URIS, LOGOUT_URI, ID_TOKEN_SECONDS } = process.env;
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        grant_types: ["authorization_code", "refresh_token"],
        redirect_uris: JSON.parse(REDIRECT_URIS),
        post_logout_redirect_uris: [LOGOUT_URI],
        response_types: ["code"],
        id_token_signed_response_alg: "ES256",
      },
    ],
    cookies: { keys: ["a-key-of-the-test"] },
    jwks: { keys: JSON.parse(JWKS) },
    pkce: { required: () => true },
    claims: { openid: ["sub"], profile: ["name"] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `${id} of the test` }),
    }),
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    ttl: { IdToken: Number(ID_TOKEN_SECONDS), AccessToken: 600 },
  });
  provider.on("grant.success", ({ oidc }) => {
    process.stdout.write(`grant ${oidc.params.grant_type}\n`);
  });
  provider.on("grant.error", ({ oidc }, error) => {
    process.stdout.write(`refused ${oidc.params?.grant_type} ${error.message}\n`);
  });
  server.on("request", provider.callback());
  process.stdout.write(`issuer ${issuer}\n`);
});
process.on("SIGTERM", () => process.exit(0));
