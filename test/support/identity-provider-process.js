/**
 * A real identity provider (oidc-provider) in a process of its own: issues access tokens as JWT by the client
 * credentials grant. Reads what it is from its environment, says its port on standard output.
 */
import { createServer } from "node:http";
import Provider from "oidc-provider";

const { ISSUER_PORT = "0", JWKS, AUDIENCE, CLAIMS = "{}" } = process.env;
const server = createServer();
server.listen(Number(ISSUER_PORT), "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "anna",
        client_secret: "a-secret-of-the-test",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "ES256",
      },
    ],
    jwks: { keys: JSON.parse(JWKS) },
    extraTokenClaims: () => JSON.parse(CLAIMS),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:shop",
        getResourceServerInfo: () => ({
          audience: AUDIENCE,
          scope: "read",
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  server.on("request", provider.callback());
  process.stdout.write(`issuer ${issuer}\n`);
});
process.on("SIGTERM", () => process.exit(0));
