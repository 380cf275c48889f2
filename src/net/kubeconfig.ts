/**
 * How a cluster is reached: stated in the monitor, by a kubeconfig file, or as a pod finds its own cluster. Files are read at
 * every use, because tokens in them are renewed. Programs that a kubeconfig names (exec, auth-provider) are not run.
 * Sources: kubernetes.io, "kubeconfig (v1)" and "Accessing the Kubernetes API from a Pod".
 */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { CORE_SCHEMA, load } from "js-yaml";
import { z } from "../base/schema.ts";
import { httpUrlField } from "../base/url_field.ts";

/** Schema fields for a strict object. */
export const CLUSTER_FIELDS = {
  /** Plain http only on the loopback, for "kubectl proxy". */
  server: httpUrlField().refine(isGuarded, "expected https, or http on the loopback").optional(),
  ca_file: z.string().min(1).optional(),
  token: z.string().min(1).optional(),
  token_file: z.string().min(1).optional(),
  kubeconfig: z.string().min(1).optional(),
  /** Of the kubeconfig; its current one when absent. */
  context: z.string().min(1).optional(),
} as const;

/** A text that is no URL has been refused before. */
function isGuarded(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
}

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };
export type ClusterConfig = Optional<
  Record<"server" | "ca_file" | "token" | "token_file" | "kubeconfig" | "context", string>
>;

export interface ClusterAccess {
  /** Without a slash at its end. */
  readonly server: string;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly token?: string;
  /** Of the context or the pod. */
  readonly namespace?: string;
}

/** What is wrong with the way to the cluster; for a schema's refinement. */
export function clusterFault(config: ClusterConfig): string | undefined {
  const { server, kubeconfig, context, token, token_file: tokenFile, ca_file: caFile } = config;
  if (kubeconfig !== undefined && (server ?? token ?? tokenFile ?? caFile) !== undefined) {
    return "kubeconfig says how the cluster is reached: give it, or server, token and ca_file";
  }
  if (context !== undefined && kubeconfig === undefined) {
    return "context is one of a kubeconfig: give kubeconfig too";
  }
  if (token !== undefined && tokenFile !== undefined) return "token and token_file cannot both be given";
  if (server === undefined && (token ?? tokenFile ?? caFile) !== undefined) {
    return "token and ca_file need server";
  }
  return undefined;
}

/** Where a pod finds its account. */
const POD_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The access, or what is missing, for people and without secrets. */
export async function clusterAccess(config: ClusterConfig): Promise<ClusterAccess | string> {
  try {
    if (config.kubeconfig !== undefined) return await fromKubeconfig(config.kubeconfig, config.context);
    if (config.server !== undefined) {
      return {
        server: config.server.replace(/\/+$/, ""),
        tls: config.ca_file === undefined ? {} : { ca: await readFile(config.ca_file, "utf8") },
        ...await tokenOf(config.token, config.token_file),
      };
    }
    const host = process.env["KUBERNETES_SERVICE_HOST"];
    if (host === undefined) return "no server, no kubeconfig, and cpra does not run in a pod";
    const port = process.env["KUBERNETES_SERVICE_PORT"] ?? "443";
    return {
      server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
      tls: { ca: await readFile(`${POD_FOLDER}/ca.crt`, "utf8") },
      ...await tokenOf(undefined, `${POD_FOLDER}/token`),
      namespace: (await readFile(`${POD_FOLDER}/namespace`, "utf8")).trim(),
    };
  } catch (error) {
    // Errors of the file system name the path and no content.
    return error instanceof Error && "path" in error ? error.message : "kubeconfig: not valid YAML";
  }
}

async function tokenOf(token: string | undefined, file: string | undefined): Promise<{ token?: string }> {
  if (token !== undefined) return { token };
  return file === undefined ? {} : { token: (await readFile(file, "utf8")).trim() };
}

const TEXT = z.string().min(1).optional();
const KUBECONFIG = z.object({
  "current-context": z.string().optional(),
  contexts: z.array(z.object({
    name: z.string(),
    context: z.object({ cluster: z.string(), user: z.string(), namespace: TEXT }),
  })),
  clusters: z.array(z.object({
    name: z.string(),
    cluster: z.object({
      server: z.url(),
      "certificate-authority": TEXT,
      "certificate-authority-data": TEXT,
      "insecure-skip-tls-verify": z.boolean().optional(),
    }),
  })),
  users: z.array(z.object({
    name: z.string(),
    user: z.object({
      token: TEXT,
      tokenFile: TEXT,
      "client-certificate": TEXT,
      "client-certificate-data": TEXT,
      "client-key": TEXT,
      "client-key-data": TEXT,
      exec: z.unknown().optional(),
      "auth-provider": z.unknown().optional(),
    }),
  })),
});

async function fromKubeconfig(path: string, wanted: string | undefined): Promise<ClusterAccess | string> {
  const parsed = KUBECONFIG.safeParse(load(await readFile(path, "utf8"), { schema: CORE_SCHEMA }));
  if (!parsed.success) {
    return `kubeconfig ${path}: not as expected at ${parsed.error.issues[0]?.path.join(".")}`;
  }
  const file = parsed.data;
  const name = wanted ?? file["current-context"] ?? "";
  const context = file.contexts.find((each) => each.name === name)?.context;
  if (context === undefined) return `kubeconfig ${path}: no context "${name}"`;
  const cluster = file.clusters.find((each) => each.name === context.cluster)?.cluster;
  const user = file.users.find((each) => each.name === context.user)?.user;
  if (cluster === undefined || user === undefined) {
    return `kubeconfig ${path}: context "${name}" names a cluster or user that is not there`;
  }
  if (cluster["insecure-skip-tls-verify"] === true) {
    return `kubeconfig ${path}: insecure-skip-tls-verify is not supported: state the certificate authority`;
  }
  const token = await tokenOf(user.token, user.tokenFile && resolve(dirname(path), user.tokenFile));
  const pem = (data: string | undefined, from: string | undefined) => pemOf(data, from, dirname(path));
  const ca = await pem(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  const cert = await pem(user["client-certificate-data"], user["client-certificate"]);
  const key = await pem(user["client-key-data"], user["client-key"]);
  if (token.token === undefined && cert === undefined && (user.exec ?? user["auth-provider"]) !== undefined) {
    return `kubeconfig ${path}: the user's program for credentials is not run: give a token or a client certificate`;
  }
  return {
    server: cluster.server.replace(/\/+$/, ""),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
    ...token,
    ...(context.namespace === undefined ? {} : { namespace: context.namespace }),
  };
}

async function pemOf(
  data: string | undefined,
  file: string | undefined,
  folder: string,
): Promise<string | undefined> {
  if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
  return file === undefined ? undefined : await readFile(resolve(folder, file), "utf8");
}
