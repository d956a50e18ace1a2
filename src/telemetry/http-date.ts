/** The Date header (RFC 9110 section 6.6.1), formatted at most once a second. */
export class HttpDate {
  #second = -1;
  #text = "";

  at(nowMs: number): string {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(nowMs).toUTCString();
    }
    return this.#text;
  }
}
