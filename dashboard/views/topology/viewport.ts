/**
 * Which part of the drawing is seen, and how large: moved by pointers, wheel, buttons and keys. It writes one attribute and
 * renders nothing.
 */

const SCALE_MIN = 0.08;
const SCALE_MAX = 2.5;
/** Small drawings are not blown up to fill the frame. */
const FIT_MAX = 1.15;
/** Around a picked node, names stay readable, though not everything is in sight. */
const FOCUS_MIN = 0.62;
const MARGIN = 28;
/** Half a node and a little. */
const REVEAL_EDGE = { x: 112, y: 48 };
const WHEEL_STEP = 0.0016;
/** Below it, only names and lines are drawn. */
const FAR = 0.45;
/** A pointer that moves less has clicked. */
const DRAG_MIN_PX = 4;

export interface Extent {
  readonly width: number;
  readonly height: number;
}

export class Viewport {
  readonly #frame: SVGSVGElement;
  readonly #stage: SVGGElement;
  readonly #pointers = new Map<number, { x: number; y: number }>();
  readonly #detach = new AbortController();
  #scale = 1;
  #x = 0;
  #y = 0;
  #dragged = 0;
  /** Whether the user has chosen what is seen. New parts of the graph then move nothing. */
  isChosen = false;

  constructor(frame: SVGSVGElement, stage: SVGGElement) {
    this.#frame = frame;
    this.#stage = stage;
    const { signal } = this.#detach;
    frame.addEventListener("wheel", (event) => this.#onWheel(event), { signal, passive: false });
    frame.addEventListener("pointerdown", (event) => this.#onDown(event), { signal });
    frame.addEventListener("pointermove", (event) => this.#onMove(event), { signal });
    for (const name of ["pointerup", "pointercancel"] as const) {
      frame.addEventListener(name, ({ pointerId }) => this.#onUp(pointerId), { signal });
    }
  }

  close(): void {
    this.#detach.abort();
  }

  /** Whether the click that comes now ends a drag. */
  get wasDragged(): boolean {
    return this.#dragged > DRAG_MIN_PX;
  }

  /** Everything, or around a point as much as is still readable. */
  fit({ width, height }: Extent, focus?: readonly [number, number]): void {
    const { clientWidth, clientHeight } = this.#frame;
    if (clientWidth <= 2 * MARGIN || clientHeight <= 2 * MARGIN || width === 0) return;
    const whole = Math.min(
      (clientWidth - 2 * MARGIN) / width,
      (clientHeight - 2 * MARGIN) / height,
      FIT_MAX,
    );
    const isPart = focus !== undefined && whole < FOCUS_MIN;
    this.#scale = isPart ? FOCUS_MIN : Math.max(whole, SCALE_MIN);
    const [x, y] = isPart ? focus : [width / 2, height / 2];
    this.#x = clientWidth / 2 - x * this.#scale;
    this.#y = clientHeight / 2 - y * this.#scale;
    this.isChosen = false;
    this.#write();
  }

  /** By so much larger, around the middle. */
  zoom(factor: number): void {
    this.#zoomAt(this.#frame.clientWidth / 2, this.#frame.clientHeight / 2, factor);
  }

  /**
   * Moves until the points are in sight, of a frame of whose right side a part is covered. Where they do not fit, the first
   * is what counts.
   */
  reveal(points: readonly (readonly [number, number])[], coveredPx = 0): void {
    const { clientWidth, clientHeight } = this.#frame;
    const [room, [first, ...others]] = [clientWidth - coveredPx, points];
    if (first === undefined) return;
    const move = (axis: 0 | 1, offset: number, space: number, edge: number): number => {
      const at = (point: readonly [number, number]): number => point[axis] * this.#scale + offset;
      const all = [at(first), ...others.map(at)];
      const [low, high] = [Math.min(...all), Math.max(...all)];
      if (high - low > space - 2 * edge) return space / 2 - at(first);
      return Math.max(0, edge - low) + Math.min(0, space - edge - high);
    };
    const dx = move(0, this.#x, room, REVEAL_EDGE.x * Math.min(1, this.#scale));
    const dy = move(1, this.#y, clientHeight, REVEAL_EDGE.y * Math.min(1, this.#scale));
    if (dx === 0 && dy === 0) return;
    this.#x += dx;
    this.#y += dy;
    this.#write();
  }

  #onWheel(event: WheelEvent): void {
    event.preventDefault();
    const { left, top } = this.#frame.getBoundingClientRect();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    const factor = Math.exp(-event.deltaY * lines * WHEEL_STEP);
    this.#zoomAt(event.clientX - left, event.clientY - top, factor);
  }

  #onDown({ pointerId, clientX, clientY, button }: PointerEvent): void {
    if (button !== 0) return;
    if (this.#pointers.size === 0) this.#dragged = 0;
    this.#pointers.set(pointerId, { x: clientX, y: clientY });
  }

  #onMove(event: PointerEvent): void {
    const { pointerId, clientX, clientY } = event;
    const before = this.#pointers.get(pointerId);
    if (before === undefined) return;
    const spread = this.#spread();
    this.#dragged += Math.abs(clientX - before.x) + Math.abs(clientY - before.y);
    if (!this.wasDragged) return;
    // Captured once it is a drag: a click still reaches what is under it.
    if (!this.#frame.hasPointerCapture(pointerId)) this.#frame.setPointerCapture(pointerId);
    const share = 1 / this.#pointers.size;
    this.#x += (clientX - before.x) * share;
    this.#y += (clientY - before.y) * share;
    before.x = clientX;
    before.y = clientY;
    this.isChosen = true;
    if (spread > 0) {
      const { left, top } = this.#frame.getBoundingClientRect();
      const points = [...this.#pointers.values()];
      const x = points.reduce((sum, one) => sum + one.x, 0) * share - left;
      const y = points.reduce((sum, one) => sum + one.y, 0) * share - top;
      this.#zoomAt(x, y, this.#spread() / spread);
    } else this.#write();
  }

  #onUp(pointerId: number): void {
    this.#pointers.delete(pointerId);
  }

  /** Between two fingers; 0 with one. */
  #spread(): number {
    const [a, b] = [...this.#pointers.values()];
    return a === undefined || b === undefined ? 0 : Math.hypot(a.x - b.x, a.y - b.y);
  }

  #zoomAt(x: number, y: number, factor: number): void {
    const next = Math.min(SCALE_MAX, Math.max(SCALE_MIN, this.#scale * factor));
    const real = next / this.#scale;
    this.#x = x - (x - this.#x) * real;
    this.#y = y - (y - this.#y) * real;
    this.#scale = next;
    this.isChosen = true;
    this.#write();
  }

  #write(): void {
    const [x, y] = [Math.round(this.#x * 100) / 100, Math.round(this.#y * 100) / 100];
    this.#stage.setAttribute("transform", `translate(${x} ${y}) scale(${this.#scale.toFixed(4)})`);
    this.#frame.classList.toggle("is-far", this.#scale < FAR);
  }
}
