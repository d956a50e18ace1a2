/**
 * Who a workload is by its service account token, as the API server says (authentication.k8s.io/v1 TokenReview). A review
 * that does not confirm one of our audiences is a refusal: a token for the API server itself, or for somebody else, is
 * never taken, whatever the server knows of audiences.
 */
import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { messageOf } from "../../core/errors.ts";
import type { KubernetesAttestor } from "../../resource/kinds/workload-attestor.ts";
import { proofRefused, proofUnjudged } from "./attestation-error.ts";
import type { NamedWorkload } from "./jwt-attestation.ts";

const PATH = "/apis/authentication.k8s.io/v1/tokenreviews";
const TIMEOUT_MS = 5_000;
const ANSWER_BYTES_MAX = 256 * 1024;
const USERNAME = /^system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})$/;

/** The parts of a TokenReview's status that matter. */
interface ReviewStatus {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[];
  readonly error?: string;
  readonly user?: { readonly username?: string };
}

/** Throws `join-token-refused`, or `attestation-unavailable` when the API server gives no verdict. */
export async function workloadOfServiceAccount(
  token: string,
  attestor: KubernetesAttestor,
): Promise<NamedWorkload> {
  const status = await review(token, attestor);
  if (status.authenticated !== true) {
    throw proofRefused(
      `the cluster does not know the token: ${status.error ?? "not authenticated"}`,
    );
  }
  const isForUs = (status.audiences ?? []).some((one) => attestor.audiences.includes(one));
  if (!isForUs) {
    throw proofRefused(`the token is not for the audience ${attestor.audiences.join(" or ")}`);
  }
  const match = USERNAME.exec(status.user?.username ?? "");
  const [, namespace, serviceAccount] = match ?? [];
  if (namespace === undefined || serviceAccount === undefined) {
    throw proofRefused("the token is not that of a service account");
  }
  const { namespaces } = attestor;
  if (namespaces.length > 0 && !namespaces.includes(namespace)) {
    throw proofRefused(`service accounts of namespace ${namespace} may not join`);
  }
  return { namespace, serviceAccount };
}

async function review(token: string, attestor: KubernetesAttestor): Promise<ReviewStatus> {
  const { server, audiences } = attestor;
  const body = JSON.stringify({
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token, audiences },
  });
  try {
    const own = (await readFile(attestor.tokenFile, "utf8")).trim();
    const answer = JSON.parse(await post(attestor, own, body)) as { status?: ReviewStatus };
    if (answer.status === undefined) throw new Error("its answer is no TokenReview");
    return answer.status;
  } catch (error) {
    throw proofUnjudged(`${server} gives no verdict on the token: ${messageOf(error)}`, error);
  }
}

function post(
  { server, caCertificates }: KubernetesAttestor,
  token: string,
  body: string,
): Promise<string> {
  const url = new URL(PATH, server);
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    accept: "application/json",
    "content-length": Buffer.byteLength(body),
  };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const ca = caCertificates === undefined ? {} : { ca: caCertificates };
  return new Promise((resolve, reject) => {
    const call = request(url, { method: "POST", agent: false, headers, signal, ...ca });
    call.once("error", reject);
    call.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_BYTES_MAX) call.destroy(new Error("the answer is too long"));
      });
      response.once("error", reject);
      response.once("end", () => {
        const { statusCode = 0 } = response;
        if (statusCode === 200 || statusCode === 201) resolve(text);
        else reject(new Error(`status ${statusCode}`));
      });
    });
    call.end(body);
  });
}
