/** Statuses whose Location says where to ask instead (RFC 9110 §15.4); 300 and 304 do not. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
