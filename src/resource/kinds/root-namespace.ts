/** The namespace whose policies hold for the whole mesh: Istio's root namespace. */

/** Where the control plane itself lives. */
export const ROOT_NAMESPACE_DEFAULT = "tulle-system";
