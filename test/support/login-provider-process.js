/**
 * A real identity provider (oidc-provider) in a process of its own whose users log in at once: the page where a person
 * would type a name and consent answers for `anna`. Says its port on standard output.
 */
import { createServer } from "node:http";
import Provider from "oidc-provider";

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "tulle-cli",
        application_type: "native",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code"],
        response_types: ["code"],
        redirect_uris: ["http://127.0.0.1/callback"],
      },
    ],
    pkce: { required: () => true },
    scopes: ["openid", "email", "groups"],
    claims: { openid: ["sub"], email: ["email"], groups: ["groups"] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, groups: ["developers"] }),
    }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    features: { devInteractions: { enabled: false } },
  });
  const callback = provider.callback();
  const interact = async (request, response) => {
    const { params, prompt, session, grantId } = await provider.interactionDetails(request, response);
    if (prompt.name === "login") {
      await provider.interactionFinished(request, response, { login: { accountId: "anna" } });
      return;
    }
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    const consent = { grantId: await grant.save() };
    await provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
  };
  server.on("request", (request, response) => {
    if (request.url.startsWith("/interaction/")) interact(request, response).catch(console.error);
    else callback(request, response);
  });
  process.stdout.write(`issuer ${issuer}\n`);
});
process.on("SIGTERM", () => process.exit(0));
