/** The API group of TokenBinding; prefix of every label, annotation and finalizer below. */
export const GROUP = 'tokenbinding.erauner.dev';

/** Field manager of every write, and the controller named in events. */
export const MANAGER = 'tokenbinding-controller';

/** Keeps a binding until the remote secrets that its deletion policy promises to remove are unset. */
export const FINALIZER = `${GROUP}/cleanup`;

/** Label with value `"true"` by which a Secret's owner lets bindings of its namespace use it. */
export const CREDENTIAL_LABEL = `${GROUP}/credential`;

/** Annotation by which a ServiceAccount's owner lets bindings of its namespace use tokens for that one audience. */
export const ALLOWED_AUDIENCE = `${GROUP}/allowed-audience`;

/** Label with value `"true"` on every Secret this controller owns. */
export const TOKEN_LABEL = `${GROUP}/token`;

/** Annotations a user may set on a binding. */
export const REFRESH_REQUESTED_AT = `${GROUP}/refresh-requested-at`;
export const SKIP_CLEANUP = `${GROUP}/skip-cleanup`;
