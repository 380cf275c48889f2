/** What clients of the Kubernetes API ask first: which groups and resources there are. Enough for kubectl. */

const APPS = ["deployments", "statefulsets", "daemonsets"] as const;
const SINGULAR: Readonly<Record<string, string>> = {
  deployments: "Deployment",
  statefulsets: "StatefulSet",
  daemonsets: "DaemonSet",
};
const VERBS = ["get", "patch", "update", "delete"];

export function discoveryOf(path: string): unknown {
  switch (path) {
    case "/version":
      return { major: "1", minor: "32", gitVersion: "v1.32.4", platform: "linux/amd64" };
    case "/api":
      return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
    case "/apis": {
      const version = { groupVersion: "apps/v1", version: "v1" };
      return {
        kind: "APIGroupList",
        apiVersion: "v1",
        groups: [{ name: "apps", versions: [version], preferredVersion: version }],
      };
    }
    case "/api/v1":
      return resourceList("v1", [
        resource("pods", "Pod", true),
        resource("nodes", "Node", false),
      ]);
    case "/apis/apps/v1":
      return resourceList(
        "apps/v1",
        APPS.flatMap((name) => {
          const own = resource(name, SINGULAR[name] as string, true);
          if (name === "daemonsets") return [own];
          const scale = { name: `${name}/scale`, singularName: "", namespaced: true, kind: "Scale" };
          return [own, { ...scale, group: "autoscaling", version: "v1", verbs: ["get", "patch", "update"] }];
        }),
      );
    default:
      return undefined;
  }
}

function resource(name: string, kind: string, namespaced: boolean) {
  return { name, singularName: kind.toLowerCase(), namespaced, kind, verbs: VERBS };
}

function resourceList(groupVersion: string, resources: readonly unknown[]) {
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources };
}
