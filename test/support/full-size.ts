/**
 * Whether tests show what the product promises by numbers (`TULLE_FULL=1`, docs/internals/testing.md): as many sidecars,
 * requests a second and seconds. Otherwise they show the same with less.
 */
export const IS_FULL_SIZE = process.env["TULLE_FULL"] !== undefined;
