/**
 * Targets as anyone may see them. A URL can carry secrets: a password before the host, a token in the query, or, for web
 * hooks, the path itself. The text is cut, not parsed and written anew, so that the rest stays as people wrote it.
 * Texts that are no URL (host:port, a container) are shown as they are, a list of words (a script) as a command line:
 * secrets belong into a script's environment, where nobody sees them.
 */
const URL_PARTS = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?/i;

/** What is checked: the path stays, it is what people know the target by; user, password and values of the query do not. */
export function redactTarget(target: string): string {
  const parts = URL_PARTS.exec(target);
  if (parts === null) return target.startsWith('["') ? joinWords(target) : target;
  const [, scheme, host, path, query] = parts;
  return `${scheme}${host}${path}${query ? `?${query.split("&").map(redactParameter).join("&")}` : ""}`;
}

/** What a remedy acts on: of a URL only scheme and host, since the path of a hook is its password. */
export function redactHook(target: string): string {
  const parts = URL_PARTS.exec(target);
  return parts === null ? target : `${parts[1]}${parts[2]}`;
}

/** A parameter without "=" is all value. */
function redactParameter(parameter: string): string {
  const equals = parameter.indexOf("=");
  return equals < 0 ? "…" : `${parameter.slice(0, equals)}=…`;
}

/** The words of a JSON list as a person would type them. */
function joinWords(target: string): string {
  const words = JSON.parse(target) as readonly string[];
  return words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word)).join(" ");
}
