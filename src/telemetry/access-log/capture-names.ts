/** Where formats find the beginnings of bodies: `%DYNAMIC_METADATA(tulle.capture:request_body:1024)%`. */

export const CAPTURE_NAMESPACE = "tulle.capture";
